"""Tests of the feeds: made-up clocks only, no network, no waiting."""
