"""What is traded: identity, integer price and size scales, tick and lot.

Prices everywhere behind a feed are ints in *price units* (`price_scale` of them per 1.00); sizes
are ints in *size units* (`size_scale` per one contract, share or coin; 1 for every NSE instrument).
Floats and lots exist only in `figures` and in exports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_MOST_DIGITS = 30
"""Before or after the point; 64 bits hold 19."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable instrument as it is stored.

    Attributes:
        symbol: What a user types and sees, unique in a store, e.g. ``SIM:NIFTY``.
        token: The feed's own key for it ("" where there is none).
        exchange: Segment name, e.g. ``NFO``, ``NSE``, ``SIM``.
        calendar: Name of the trading calendar (`nse-fo`, `nse-cm`, `24x7`, `sim`).
        price_scale: Price units per 1.00, fixed when the instrument is created (100 for NSE).
        tick_size: Smallest price step in force, in price units.
        lot_size: Size units per lot, for display only (>= 1).
        size_scale: Size units per contract, share or coin (1 unless sizes are fractional).
        expiry: ISO date of expiry, "" where there is none.
        simulated: True for data that no market made.

    Raises:
        ValueError: A scale is no power of ten, or tick or lot are below 1.
    """

    symbol: str
    token: str = ""
    exchange: str = ""
    calendar: str = "nse-fo"
    price_scale: int = 100
    tick_size: int = 5
    lot_size: int = 1
    size_scale: int = 1
    expiry: str = ""
    simulated: bool = False

    def __post_init__(self) -> None:
        for name in ("price_scale", "size_scale"):
            # A whole number of decimals: else no price could be printed and read back exactly.
            if not re.fullmatch("10*", str(getattr(self, name))):
                msg = f"{name} is a power of ten, not {getattr(self, name)}"
                raise ValueError(msg)
        for name in ("tick_size", "lot_size"):
            if getattr(self, name) < 1:
                msg = f"{name} is at least 1, not {getattr(self, name)}"
                raise ValueError(msg)

    @property
    def price_decimals(self) -> int:
        """Decimals needed to print any price (the scale's, 2 for paise)."""
        return len(str(self.price_scale)) - 1

    def price_of(self, units: int) -> Decimal:
        """Return the exact decimal price of `units`."""
        return Decimal(int(units)) / self.price_scale

    def units_of(self, price: Decimal | str | int) -> int:
        """Return a price in price units.

        Raises:
            ValueError: It is no number, or finer than the scale.
        """
        try:
            number = Decimal(price)
        except InvalidOperation:
            number = Decimal("NaN")
        # A handful of bytes can name a number of a billion digits.
        if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
            msg = f"{price!r} is not a price"
            raise ValueError(msg)
        numerator, denominator = number.as_integer_ratio()
        units, rest = divmod(numerator * self.price_scale, denominator)
        if rest:
            msg = f"{price} is finer than 1/{self.price_scale}, the price unit of {self.symbol}"
            raise ValueError(msg)
        return units
