"""The live board: the open state of each instrument, shared between processes."""
