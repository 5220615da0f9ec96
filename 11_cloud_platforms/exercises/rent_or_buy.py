"""Rent machines or buy characters

A voice service has to speak so many million characters a month. Either machines are rented: each costs `monthly`
dollars, whether it speaks or not, and can speak `holds` million characters in a month. Machines are rented whole, and
two of them run at least, or every update would be an outage. Or the speech is bought from a service, for `price`
dollars a million characters, and nothing besides.

Write `rent_or_buy(millions, monthly, holds, price)`, which returns what is cheaper and what it costs a month: a pair
("machines", dollars) or ("service", dollars). At the same price take the service: somebody else gets up at night.

    rent_or_buy(10, 70, 100, 4)     returns ("service", 40)       two machines would cost 140
    rent_or_buy(100, 70, 100, 4)    returns ("machines", 140)     the service would cost 400

After: 04_what_it_costs.py
Concepts: break-even, utilisation
Kind: exercise
Time: 10 min
"""


def rent_or_buy(millions: float, monthly: float, holds: float, price: float) -> tuple[str, float]:
    # TODO: count the machines, compare the two bills
    raise NotImplementedError("rent_or_buy")
