"""Misconception: What is left over needs a machine of its own"""


def rent_or_buy(millions, monthly, holds, price):
    own, service = max(2, int(millions / holds + 0.5)) * monthly, millions * price
    return ("machines", own) if own < service else ("service", service)
