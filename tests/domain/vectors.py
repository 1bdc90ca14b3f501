"""The test vectors of the design's formulas as numbers: tests need nothing beside the clone.

Keyed as there: V2 and V3 map price to (bid, ask), V4 to V6 price to volume. `test_vectors` compares
them with the design's own file where that is present.
"""

from __future__ import annotations

V2 = {
    106: (0, 15),
    105: (5, 60),
    104: (12, 66),
    103: (20, 90),
    102: (25, 80),
    101: (55, 40),
    100: (70, 20),
    99: (30, 0),
}
V2_BUY_SELL_STACKS: dict[str, tuple[list[int], list[int], list[tuple[int, int]]]] = {
    "default": ([103, 104, 105, 106], [], [(103, 106)]),
    "TradingView": ([103, 104, 105, 106], [], [(103, 106)]),
    "flowsurface": ([103, 104, 105], [], [(103, 105)]),
    "ATAS stacked": ([103, 104, 105], [], [(103, 105)]),
    "ATAS ImbalanceRatio": ([105], [], []),
    "NinjaTrader": ([103, 104, 105, 106], [99, 100], [(103, 106)]),
    "openalgo-charts": ([103, 104, 105, 106], [], [(103, 106)]),
}
V3 = {105: (0, 40), 104: (0, 35), 102: (0, 50), 101: (60, 10), 100: (4, 0)}
V3_BUY: dict[str, list[int]] = {
    "default": [104, 105],
    "TradingView": [104, 105],
    "flowsurface": [],
    "ATAS stacked": [104, 105],
    "ATAS ImbalanceRatio": [],
    "NinjaTrader": [104, 105],
    "openalgo-charts": [104, 105],
}
V3B = {105: (3, 40), 103: (12, 5), 102: (2, 9)}
V3B_BUY = [105]

V4_VOLUMES = [5, 8, 20, 25, 60, 40, 75, 45, 90, 30, 30, 85, 20, 15, 12, 6]
V4 = dict(zip(range(90, 106), V4_VOLUMES, strict=True))
V4_POC = 98
V4_AREAS = {"one-row": (94, 101, 455), "cbot": (94, 102, 475), "tradingview": (94, 100, 370)}
V5 = {100: 10, 101: 20, 102: 30, 103: 20, 104: 20}
V5_POC = 102
V5_AREAS = {"one-row": (102, 104, 70), "cbot": (102, 104, 70), "tradingview": (101, 103, 70)}
V6 = {
    "two tied, odd range": ({100: 50, 101: 10, 102: 10, 103: 10, 104: 50}, 100),
    "two tied, one nearer the middle": (
        {100: 50, 101: 10, 102: 50, 103: 10, 104: 5, 105: 5},
        102,
    ),
    "three tied": ({100: 40, 101: 40, 102: 5, 103: 40}, 101),
}

V7_TRADES = [(100, 10), (101, 20), (102, 30), (101, 20), (99, 20)]
V7_VWAP, V7_VARIANCE, V7_SIGMA = 100.8, 1.16, 1.0770329614
V7B_BARS = [(102, 100, 101, 60), (103, 101, 102, 40)]
V7B_VWAP = 101.4
V8_DELTAS = [
    ("2026-11-19 15:35", 40),
    ("2026-11-19 15:39", -15),
    ("2026-11-20 09:15", 60),
    ("2026-11-20 09:20", -25),
    ("2026-11-20 09:25", 10),
]
V8_CONTINUOUS = [40, 25, 85, 60, 70]
V8_SESSION = [40, 25, 60, 35, 45]
V8B_BARS = [(40, 55, -10), (-15, 5, -30)]
"""Delta, max delta, min delta; from formulas.md 4, the file of numbers has the candles only."""
V8B_CANDLES = [(0, 55, -10, 40), (40, 45, 10, 25)]

V10_BARS = [(105, 100, 20), (107, 103, 35), (106, 101, -15)]
V10_BARS += [(107, 104, 10), (104, 98, -60), (103, 99, 25)]
V10_HIGH_LOW = [(20, 20), (35, 55), (20, 40), (10, 50), (-50, -60), (-25, -35)]

V11_TRADES: list[tuple[int, int | None, int | None]] = [
    *[(10000, 9990, 10000), (9990, 9990, 10000), (9995, 9990, 10000), (10000, 9990, 10010)],
    *[(10000, 9990, 10010), (10010, None, None), (10010, None, None), (10005, None, None)],
]
"""Price, bid and ask before it, times 100."""
V11_SIDES = [
    *[("B", "quote"), ("S", "quote"), ("B", "tick"), ("B", "tick")],
    *[("B", "tick0"), ("B", "tick"), ("B", "tick0"), ("S", "tick")],
]
V12 = [
    *[("D1", 1000), ("D1", 1000), ("D1", 1075), ("D1", 1300), ("D1", 1225), ("D1", 1310)],
    *[("D2", 50), ("D2", 125)],
]
V12_SIZES = ("baseline", 0, 75, 225, "stale, ignored", 10, "new day: baseline", 75)

V15 = {
    "NIFTY span 60 in 600px": (6000, 10, 200, 20.0),
    "NIFTY span 150 in 600px": (15000, 10, 500, 20.0),
    "NIFTY span 400 in 600px": (40000, 10, 1000, 15.0),
    "BANKNIFTY span 400 in 600px": (40000, 20, 1000, 15.0),
}
"""Span and tick in paise, then the level size in paise and its row height in px."""
V16_BARS = [
    *[(100, 104, 99, 103, 30), (103, 108, 102, 107, 45)],
    *[(107, 110, 105, 109, -12), (109, 111, 107, 108, 20)],
]
V16_DIVERGENCE = [0, 0, -1, 1]
V16_CVD = [30, 75, 63, 83]
V17 = {"poc": [102, 106, 103], "highs": [104, 108, 105], "lows": [100, 105, 101]}
V17_FILLED = [2, -1, -1]
