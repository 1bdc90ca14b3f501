"""The parts together: command line, feeds, store, board, series and server, without a browser."""
