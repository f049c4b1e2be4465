"""Trust: an attribute of each side of a tie, which is slow to grow and quick to go.

An example of a column of ties, with a process over ties and one over people.

    python experiments/mechanisms/trust.py

prints what it changes: who has somebody to rely on is less lonely.
"""

from __future__ import annotations

from sim.mechanisms import Column, Mechanism, real

TRUST = Mechanism(
    "trust",
    "People come to trust those they are close to, and are less lonely for it.",
    parameters={
        "trust_growth": real(
            0.02, "1/day", 0, 1, "how fast trust follows closeness up", "assumed"
        ),
        "trust_loss": real(
            0.2, "1/day", 0, 1, "how fast it follows down (Slovic 1993)", "assumed"
        ),
        "reliance": real(
            0.5, "0..1", 0, 1, "loneliness that full trust takes away", "assumed"
        ),
    },
    columns={
        "ties": [Column("trust", "f4", "0..1", "trust of the owner in the other")],
        "humans": [Column("relied", "f4", "0..1", "trust in who is trusted most")],
    },
)


@TRUST.process(
    after="converse", over="ties", reads=("ties.closeness",), writes=("ties.trust",)
)
def rely(k, i, j, s):
    """Trust follows closeness: slowly up, quickly down."""
    gap = s.ties.closeness[k] - s.ties.trust[k]
    rate = s.my.trust_growth if gap > 0.0 else s.my.trust_loss
    s.ties.trust[k] += rate * gap


@TRUST.process(
    after="mourn",
    over="humans",
    reads=("ties.start", "ties.degree", "ties.trust"),
    writes=("humans.relied", "humans.loneliness"),
)
def confide(i, s):
    """Who can rely on somebody is less lonely."""
    most = 0.0
    for k in range(s.ties.start[i], s.ties.start[i] + s.ties.degree[i]):
        most = max(most, s.ties.trust[k])
    s.humans.relied[i] = most
    s.humans.loneliness[i] *= 1.0 - s.my.reliance * most


def main(humans: int = 300, steps: int = 365) -> None:
    """Print what people are like without it, with it, and if trust grows faster."""
    import sim

    sim.use(TRUST)
    town = sim.scenario("her-film-cut").use("trust").replace(humans=humans, steps=steps)
    print(f"{'':28}{'lonely':>8}{'relied on':>11}{'trust in OSes':>15}")
    for name, changes in (
        ("without", {"trust": False}),
        ("trust grows by 2 % a day", {}),
        ("trust grows by 10 % a day", {"trust_growth": 0.1}),
    ):
        society = sim.Society(town.replace(**changes), seed=1)
        for _ in range(steps):
            society.step()
        people, ties = society.state.humans, society.state.ties.table()
        among = (ties["owner"] < people.n) & (ties["neighbour"] >= people.n)
        trust = ties["trust"][among].mean() if among.any() else 0.0
        lonely, relied = people.loneliness.mean(), people.relied.mean()
        print(f"{name:28}{lonely:8.3f}{relied:11.3f}{trust:15.3f}")


if __name__ == "__main__":
    main()
