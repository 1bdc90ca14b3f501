"""Tests of the JSON routes over a real store."""
