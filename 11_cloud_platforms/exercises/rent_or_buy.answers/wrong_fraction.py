"""Misconception: Machines are rented whole: half a machine is one more"""


def rent_or_buy(millions, monthly, holds, price):
    own, service = max(2, millions / holds) * monthly, millions * price
    return ("machines", own) if own < service else ("service", service)
