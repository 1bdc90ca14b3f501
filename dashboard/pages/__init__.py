"""Dash layouts and callbacks."""
