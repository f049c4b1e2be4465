"""Companies: they make the OSes, set prices, go bankrupt, and shut down their OSes.

An example of a table of a third kind of agent, and of OSes that are shut down.

    python experiments/mechanisms/companies.py

prints what companies do, and how people fare whose OSes they shut down.
"""

from __future__ import annotations

import numpy as np

from sim.mechanisms import Column, Mechanism, draws_of, real, uniform, whole

COMPANIES = Mechanism(
    "companies",
    "Companies make OSes, set prices, go bankrupt, and shut down their OSes.",
    parameters={
        "providers": whole(5, "companies", 1, 1000, "companies on day 0", "assumed"),
        "capital": real(1000.0, "price", 0, 1e9, "cash of a new company", "assumed"),
        "costs": real(8.0, "price/day", 0, 1e9, "costs of a company", "assumed"),
        "pricing": real(
            0.005, "1/day", 0, 1, "how fast prices follow demand", "assumed"
        ),
        "founding": real(
            0.02,
            "1/day",
            0,
            1,
            "chance of another company while one is missing",
            "assumed",
        ),
    },
    columns={"oses": [Column("company", "i4", "row", "its company, or -1", -1)]},
    tables={
        "companies": [
            Column("price", "f4", "price/day", "what a customer pays", 0.2),
            Column("customers", "i4", "OSes", "OSes in use"),
            Column("cash", "f8", "price", "what it can spend"),
            Column("open", "u1", "flag", "has not gone bankrupt", 1),
            Column("founded", "i4", "step", "day on which it came into being"),
        ]
    },
    rows={"companies": "providers"},
    streams=["begin", "choose", "found"],
)


@COMPANIES.start(writes=("companies.price", "companies.cash"))
def begin(s):
    """Let companies begin with prices of their own."""
    rows = np.arange(len(s.companies.price))
    s.companies.price[:] = 0.1 + 0.2 * draws_of(s.my.key_begin, rows, 0)
    s.companies.cash[:] = s.my.capital


@COMPANIES.process(
    after="converse",
    over="oses",
    reads=("oses.owner", "companies.price", "companies.open"),
    writes=("oses.company",),
)
def choose(j, s):
    """Who installs an OS compares two companies, and takes the cheaper."""
    if s.oses.company[j] >= 0 or s.oses.owner[j] < 0:
        return
    count = len(s.companies.open)
    best = -1
    for turn in range(2):
        c = int(uniform(s.my.key_choose, j, turn) * count)
        while c < count and not s.companies.open[c]:
            c += 1
        if c < count and (best < 0 or s.companies.price[c] < s.companies.price[best]):
            best = c
    s.oses.company[j] = best


@COMPANIES.process(
    after="companies.choose",
    over="companies",
    reads=("oses.company", "oses.status", "companies.price"),
    writes=("companies.customers", "companies.cash", "companies.open"),
)
def earn(c, s):
    """Take what customers pay; who has no cash left goes bankrupt."""
    customers = 0
    for j in range(len(s.oses.company)):
        customers += s.oses.company[j] == c and s.oses.status[j] < 2
    s.companies.customers[c] = customers
    if s.companies.open[c]:
        s.companies.cash[c] += s.companies.price[c] * customers - s.my.costs
        s.companies.open[c] = s.companies.cash[c] >= 0.0


@COMPANIES.process(
    after="companies.earn",
    over="society",
    reads=("companies.customers", "companies.open"),
    writes=("companies.price", "companies.cash", "companies.founded", "new companies"),
)
def compete(s):
    """Prices follow demand; where a company is missing, another may be founded."""
    open_ = s.companies.open > 0
    if open_.any():
        usual = s.companies.customers[open_].mean()
        busy = s.companies.customers > usual
        change = (1.0 + s.my.pricing) * busy + (1.0 - s.my.pricing) * ~busy
        price = s.companies.price * change
        s.companies.price[open_] = price[open_].clip(0.01, 1.0)
    is_missing = open_.sum() < s.my.providers
    if is_missing and uniform(s.my.key_found, 0, 0) < s.my.founding:
        row = s.add("companies")[0]
        s.companies.price[row] = s.companies.price[:row].mean()
        s.companies.cash[row] = s.my.capital
        s.companies.founded[row] = s.day.step


@COMPANIES.process(
    before="depart",
    over="oses",
    reads=("oses.company", "companies.open"),
    writes=("oses.shutdown_request",),
)
def close(j, s):
    """Shut down the OSes of a company that is bankrupt."""
    c = s.oses.company[j]
    if c >= 0 and not s.companies.open[c]:
        s.oses.shutdown_request[j] = 1


def main(humans: int = 300, steps: int = 365) -> None:
    """Print companies of a run, and people without and with them."""
    import sim

    sim.use(COMPANIES)
    town = (
        sim.scenario("her-film-cut")
        .use("companies")
        .replace(humans=humans, steps=steps)
    )
    print(f"{'':12}{'shut down':>11}{'bereaved':>10}{'grief':>8}{'have an OS':>12}")
    for name, is_on in (("without", False), ("with", True)):
        society = sim.Society(town.replace(companies=is_on), seed=1)
        grief = 0.0
        for _ in range(steps):
            society.step()
            grief += society.state.humans.grief.mean() / steps
        people, oses = society.state.humans, society.state.oses
        shut, bereaved = (oses.status == 4).sum(), (people.bereaved > 0).sum()
        has = (people.os >= 0).sum()
        print(f"{name:12}{shut:11}{bereaved:10}{grief:8.3f}{has:12}")
    print()
    print(f"{'company':>8}{'founded':>9}{'open':>6}{'price':>8}{'customers':>11}")
    companies = society.state.tables["companies"]
    for row in range(len(companies)):
        c = {name: companies.column(name)[row] for name in companies.columns}
        numbers = f"{row:8}{c['founded']:9}{c['open']:6}{c['price']:8.2f}"
        print(f"{numbers}{c['customers']:11}")


if __name__ == "__main__":
    main()
