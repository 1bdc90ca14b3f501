"""One view served: settings and series in, frames, payloads and figures out; for pages and api."""
