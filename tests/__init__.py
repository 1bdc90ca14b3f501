"""Tests; the folders below mirror ``dashboard/``."""
