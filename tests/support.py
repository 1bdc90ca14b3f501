"""What several test packages share."""

from __future__ import annotations

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real recordings and references beside the clone; tests that read them skip without."""
