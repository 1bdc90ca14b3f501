"""Colours are data: their contrast is measured, not hoped for."""

from __future__ import annotations

import re

import pytest

from dashboard.figures import theme
from dashboard.figures.view import CHOICES

PALETTES = CHOICES["palette"]
READABLE = 4.5


def test_contrast_is_that_of_the_standard() -> None:
    assert theme.contrast("#FFFFFF", "#000000") == pytest.approx(21.0)
    assert theme.contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert theme.contrast("#777777", "#777777") == 1.0
    assert theme.contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert theme.mix("#0F141B", "#26A69A", 0) == "#0F141B"
    assert theme.mix("#0F141B", "#26A69A", 1) == "#26A69A"
    assert theme.mix("#000000", "#FFFFFF", 0.5) == "#808080"
    assert theme.alpha("#26A69A", 0.35) == "rgba(38,166,154,0.35)"


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("side", ["buy", "sell", "neutral"])
@pytest.mark.parametrize("step", range(theme.HEAT_STEPS))
def test_numbers_are_readable_on_every_heat_step(name: str, side: str, step: int) -> None:
    palette = theme.palette_of(name)
    assert theme.contrast(palette.number, theme.heat_fill(palette, side, step)) >= READABLE


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("step", range(theme.IMBALANCE_CAP + 1))
def test_imbalances_are_readable_up_to_their_cap(name: str, side: str, step: int) -> None:
    palette = theme.palette_of(name)
    text = getattr(palette, f"{side}_text")
    assert theme.contrast(text, theme.heat_fill(palette, side, step)) >= READABLE


@pytest.mark.parametrize("name", PALETTES)
def test_texts_and_pills_are_readable(name: str) -> None:
    palette = theme.palette_of(name)
    for colour in (palette.text, palette.secondary, palette.buy_text, palette.sell_text):
        assert theme.contrast(colour, palette.background) >= READABLE
        assert theme.contrast(colour, palette.raised) >= READABLE
    for pill in (palette.poc, palette.vah, palette.val, palette.vwap, palette.text):
        assert theme.contrast(palette.pill_text, pill) >= READABLE


def test_default_palette_has_the_measured_contrasts() -> None:
    palette = theme.palette_of("default")
    green = [theme.contrast(palette.number, theme.heat_fill(palette, "buy", k)) for k in range(5)]
    red = [theme.contrast(palette.number, theme.heat_fill(palette, "sell", k)) for k in range(5)]
    assert green == pytest.approx([14.8, 12.7, 9.6, 7.0, 4.9], abs=0.1)
    assert red == pytest.approx([15.4, 13.4, 10.7, 7.9, 5.6], abs=0.1)


@pytest.mark.parametrize("name", PALETTES)
def test_heat_rises_with_every_step(name: str) -> None:
    palette = theme.palette_of(name)
    for side in ("buy", "sell", "neutral"):
        fills = [theme.heat_fill(palette, side, step) for step in range(theme.HEAT_STEPS)]
        rising = [theme.contrast(fill, palette.background) for fill in fills]
        assert rising == sorted(set(rising))


@pytest.mark.parametrize("name", PALETTES)
def test_the_layer_gets_colours_it_can_paint_with(name: str) -> None:
    given = theme.layer_theme(name)
    assert len(given["heat_buy"]) == theme.HEAT_STEPS
    for role, value in given.items():
        values = value if isinstance(value, list) else [value]
        if role not in {"font_mono", "font_sans"} and isinstance(values[0], str):
            assert all(re.fullmatch("#[0-9A-F]{6}", v) for v in values), role
    assert given["table_row_px"] == theme.SIZES["table_row_px"]


def test_an_unknown_palette_is_an_error() -> None:
    with pytest.raises(KeyError):
        theme.palette_of("rainbow")
