"""Plain data in, Plotly dicts and layer payloads out."""
