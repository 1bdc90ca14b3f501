"""Flask routes: JSON API, health."""
