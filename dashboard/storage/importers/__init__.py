"""Files of other programs into the store: trade files and the predecessor's database."""
