"""Misconception: Two machines run at least"""

import math


def rent_or_buy(millions, monthly, holds, price):
    own, service = math.ceil(millions / holds) * monthly, millions * price
    return ("machines", own) if own < service else ("service", service)
