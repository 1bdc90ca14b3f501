"""SQLite history, importers and calendar files."""
