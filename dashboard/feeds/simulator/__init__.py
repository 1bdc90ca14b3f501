"""A seeded synthetic market that is always open, for a first look, for tests and for benchmarks.

`market` names the instruments and hands out chance, `path` makes a session's course, `tape` draws
its trades, `packets` conflates them as the broker does, `cursor` knows a place in the row of
events, and `feed` tells them as the clock passes. All but `feed` are pure functions of (seed,
symbol, session, number). None of it pretends to be real: instruments carry ``SIM:`` and
``simulated``.
"""

from dashboard.feeds.simulator.feed import SimulatorFeed

__all__ = ["SimulatorFeed"]
