"""Runs: simulate a society into a run directory, store it, read it, export it."""
