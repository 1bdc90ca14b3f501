"""The Angel One SmartAPI feed: the only folder that names the SDK."""
