"""Columns, ties, keyed random numbers and compiled loops; no human and no OS."""
