"""Trading calendars: dated sessions per product group; a session's id is its open instant."""
