"""What is traded: identity, integer price and size scales, tick and lot.

Prices everywhere behind a feed are ints in *price units* (`price_scale` of them per 1.00); sizes are
ints in *size units* (`size_scale` per one contract, share or coin; 1 for every NSE instrument).
Floats and lots exist only in `figures` and in exports.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


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

    @property
    def price_decimals(self) -> int:
        """Decimals needed to print any price of the tick grid (the scale's, 2 for paise)."""
        return len(str(self.price_scale)) - 1

    def price_of(self, units: int) -> Decimal:
        """Return the exact decimal price of `units`."""
        return Decimal(int(units)) / self.price_scale

    def units_of(self, price: Decimal | str | int) -> int:
        """Return `price` in price units; ValueError when it is finer than the scale."""
        units = Decimal(price) * self.price_scale
        if units != units.to_integral_value():
            msg = f"{price} is finer than 1/{self.price_scale}, the price unit of {self.symbol}"
            raise ValueError(msg)
        return int(units)
