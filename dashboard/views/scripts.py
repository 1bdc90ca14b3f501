"""The scripts that a chart outside of the dashboard carries along: plotly.js and the layer."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def chart_scripts(assets: Path) -> tuple[str, ...]:
    """Return the texts of plotly.js and of the layer's files, in the order of their loading.

    Args:
        assets: The folder of styles and scripts that the dashboard serves.
    """
    # The release that Dash serves too, so that a file looks like the page it was saved from.
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - five megabytes, for a file only

    layer = sorted((assets / "footprint").glob("*.js"))
    return (get_plotlyjs(), *(path.read_text(encoding="utf-8") for path in layer))
