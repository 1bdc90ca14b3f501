"""The one writer: feed to store to board."""
