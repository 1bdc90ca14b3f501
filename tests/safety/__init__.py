"""What was stored stays, whatever happens to process, disk and files: tried by doing."""
