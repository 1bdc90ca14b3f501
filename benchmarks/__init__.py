"""Timings, run by hand: each module prints a table and a line of JSON."""
