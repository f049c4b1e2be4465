"""Minds: what decides an agent's part in an encounter, beside the rules."""
