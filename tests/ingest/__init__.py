"""Tests of dashboard.ingest."""
