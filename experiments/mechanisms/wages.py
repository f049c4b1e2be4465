"""Wages: people earn what the respondents of a survey do; who earns less buys less.

An example of a factor, and of microdata: everybody is given the wage of a respondent
in ``wages_synthetic.csv``, and the hazard of installing an OS is lower the poorer they
are. The digest of a mechanism is that of its file, so this one says which data it is
about.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np

from sim.mechanisms import Column, Mechanism, draws_of, real

DATA = Path(__file__).with_name("wages_synthetic.csv")
SHA256 = "a0af2751a78fd218be0ea6d3bdee95918f95e4e3f7aed254d59d6af6331b2aa6"

WAGES = Mechanism(
    "wages",
    "People have the wages of a survey, and the poor install fewer OSes.",
    parameters={
        "wage_pull": real(
            0.8, "0..1", 0, 1, "share of the hazard the poorest lack", "assumed"
        ),
    },
    columns={
        "humans": [
            Column("wage", "f4", "1/month", "wage of the respondent drawn"),
            Column("wage_rank", "f4", "0..1", "share of respondents who earn less"),
        ]
    },
    streams=["draw"],
)


def surveyed():
    """Return the wages of all respondents, rising.

    Raises
    ------
    ValueError
        If the file holds other data than this mechanism is about.
    """
    raw = DATA.read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise ValueError(f"{DATA} holds other data; its SHA-256 is to be {SHA256}")
    lines = [line for line in raw.decode().splitlines() if not line.startswith("#")]
    return np.sort([float(row["wage"]) for row in csv.DictReader(lines)])


@WAGES.start(writes=("humans.wage", "humans.wage_rank"))
def draw(s):
    """Give everybody the wage of a respondent, drawn with replacement."""
    wages = surveyed()
    everybody = np.arange(len(s.humans.wage))
    at = (draws_of(s.my.key_draw, everybody, 0) * len(wages)).astype(int)
    s.humans.wage[:] = wages[at]
    s.humans.wage_rank[:] = at / (len(wages) - 1)


@WAGES.factor("adoption", over="humans", reads=("humans.wage_rank",))
def afford(i, s):
    """Let the poor install an OS later, or never."""
    return 1.0 - s.my.wage_pull * (1.0 - s.humans.wage_rank[i])
