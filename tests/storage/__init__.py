"""Tests of the SQLite store and the importers."""
