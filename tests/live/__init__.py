"""Tests of dashboard.live."""
