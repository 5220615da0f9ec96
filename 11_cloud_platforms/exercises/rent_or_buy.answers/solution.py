"""Rent machines or buy characters, solved."""

import math


def rent_or_buy(millions: float, monthly: float, holds: float, price: float) -> tuple[str, float]:
    rented = max(2, math.ceil(millions / holds)) * monthly
    bought = millions * price
    return ("machines", rented) if rented < bought else ("service", bought)
