"""Misconception: Machines that are exactly full are enough"""


def rent_or_buy(millions, monthly, holds, price):
    own, service = max(2, int(millions // holds) + 1) * monthly, millions * price
    return ("machines", own) if own < service else ("service", service)
