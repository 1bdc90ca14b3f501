"""Adapters that turn a market's messages into domain events."""
