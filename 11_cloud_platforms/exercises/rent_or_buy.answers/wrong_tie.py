"""Misconception: At the same price take the service"""

import math


def rent_or_buy(millions, monthly, holds, price):
    own, service = max(2, math.ceil(millions / holds)) * monthly, millions * price
    return ("machines", own) if own <= service else ("service", service)
