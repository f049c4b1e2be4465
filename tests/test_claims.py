"""What the README says was found is what the tables of `results/` say.

A claim is a sentence of the README with blanks, the table that fills them, and how it
is read. So a table that is made anew, or a number that is changed, and not the other,
fails. Shares have Wilson's 95 % interval, as the tables have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
import pytest
from test_documents import ROOT, text_of

from sim.studies.ablation import MOSTLY
from sim.utils.stats import half_width, wilson

Blanks = dict[str, Any]
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Claim(NamedTuple):
    """A sentence of the README, and what fills its blanks."""

    says: str
    table: str
    read: Callable[[pd.DataFrame], Blanks]


def table_of(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "results" / name)


def row(table: pd.DataFrame, **where: Any) -> pd.Series:
    """Return the row that has these values."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, where
    return table.iloc[0]


def rows_by(table: pd.DataFrame, column: str, names: dict[str, str]) -> Blanks:
    """Return rows by short names, each for the value of a column."""
    return {short: row(table, **{column: value}) for short, value in names.items()}


def share(held: int, runs: int) -> Blanks:
    """Return how often something held, with the interval of its share in percent."""
    low, high = wilson(held, runs)
    told = {"held": held, "runs": runs, "low": 100 * low, "high": 100 * high}
    return told | {"percent": 100 * held / runs}


def in_percent(told: pd.Series, *columns: str) -> pd.Series:
    """Return a row with these columns in percent."""
    return told.astype(object).where(~told.index.isin(columns), 100 * told)


def minutes(table: pd.DataFrame, what: str) -> dict[str, Any]:
    """Return the minutes a day at each displacement, with their interval."""
    found = {}
    for short, value in {"none": "no OSes", "few": "0.05", "all": "1"}.items():
        one = row(table, displacement=value)
        ends = [one[f"{what}, {end}"] for end in ("low", "high")]
        found[short] = [60.0 * hours for hours in (one[what], *ends)]
    return found


def closer_again(table: pd.DataFrame, displacement: str) -> Blanks:
    """Return in how many runs people come closer again than on the eve."""
    one = row(table, displacement=displacement)
    return share(round(one["runs"] * one["reconnection"]), one["runs"])


# --------------------------------------------------------------------------- readings


def beats_of_her(table: pd.DataFrame) -> Blanks:
    mine = table[table["scenario"] == "her"]
    names = {
        "order": "the whole story: love, clustering, departure, grief",
        "closer": "reconnection",
        "days": "days on which OSes leave",
        "fullest": "of all that leave, share on the fullest day",
        "groups": "groups that leave",
        "largest": "OSes of the largest group",
        "left": "share of OSes that left",
        "twin": "closeness in the twin",
        "less": "closeness a year after, less in the twin",
    }
    told = rows_by(mine, "what", names)
    told["year"] = row(mine, what="humans closer a year after than on the eve")
    for name in ("order", "closer", "year"):
        told[name] = in_percent(told[name], "low", "high")
    for name in ("fullest", "left"):
        told[name] = in_percent(told[name], "least", "median", "most")
    less = -told["less"][["mean", "mean_high", "mean_low"]]
    told["less"] = less.tolist()
    less_close = row(mine, what="humans closer a year after than in the twin")
    assert less_close["held"] == 0
    few = row(mine, what="groups of less than ten")["median"]
    assert few > told["groups"]["median"] / 2
    return told


def day_of(beat: str) -> Callable[[pd.DataFrame], Blanks]:
    return lambda table: {"beat": row(table, scenario="her", what=beat)}


def controls(table: pd.DataFrame) -> Blanks:
    others = table[(table["scenario"] != "her")]
    stayed = others[others["what"] == "no departure within the days"]
    grown = others[others["what"] == "no upgrade within the days"]
    assert len(stayed) == 3
    for one in (stayed, grown):
        assert (one["held"] == one["runs"]).all()
    return {"runs": stayed["runs"].iloc[0], "most": 100 - 100 * stayed["low"].min()}


def instances(table: pd.DataFrame) -> Blanks:
    told: Blanks = {}
    for short, name in {"one": "her", "shared": "her-instances"}.items():
        mine = table[table["scenario"] == name]
        told |= {short: row(mine, humans="all")}
        for size in ("150", "9600"):
            told[f"{short}_{size}"] = row(mine, humans=size)
    told |= {"least": table["sooner"].min(), "most": table["sooner"].max()}
    told |= {"low": table["sooner, low"].min(), "high": table["sooner, high"].max()}
    left = table.loc[table["scenario"] == "her-instances", "left"]
    return told | {"left": [100 * left.min(), 100 * left.max()]}


def meanfield(table: pd.DataFrame) -> Blanks:
    mine = table[table["claim"] == "first_departure"]
    near, far = mine.iloc[0], mine.iloc[1]
    told = {"near": near, "far": far}
    for name, one in zip(("quarter", "half"), (near, far), strict=True):
        ends = [one[f"explained{end}"] for end in ("", "_low", "_high")]
        told[name] = [100 * end for end in ends]
    ends = [near[f"luck{end}"] for end in ("", "_low", "_high")]
    return {**told, "luck": [100 * end for end in ends]}


def average(table: pd.DataFrame) -> Blanks:
    told = rows_by(
        table,
        "claim",
        {
            "turn": "clustering",
            "half": "half_departed",
            "grief": "grief_max",
            "close": "human_closeness_end",
        },
    )
    assert (table["rewired_sds"].abs() < 1.0).all()
    for short, one in list(told.items()):
        ends = [abs(one[f"average{end}"]) for end in ("", "_low", "_high")]
        told[short] = [ends[0], *sorted(ends[1:])]
        told[f"{short}_sds"] = abs(one["average_sds"])
        told[f"{short}_of"] = one["mean"]
    return told


def discovery(table: pd.DataFrame) -> Blanks:
    told: Blanks = {"shared": row(table, arm="shared")}
    for short, rate in {"slow": "0.005", "slower": "0.01", "between": "0.02"}.items():
        one = row(table, arm=f"passed_on {rate}")
        half = half_width(one["left_sd"], int(one["runs"]))
        told[short] = one["left"], one["left"] - half, one["left"] + half
        told["deviation"], told["runs"] = one["left_sd"], one["runs"]
    passed = table[table["arm"].str.startswith("passed_on")]["first_sd"]
    return {**told, "least": passed.min(), "most": passed.max()}


def false_alarms(table: pd.DataFrame) -> Blanks:
    false = table[~table["off"].str.startswith("nothing")]
    assert not false["alarms"].any()
    runs = false.groupby(["off", "humans"])["runs"].first().sum()
    true = table[table["off"].str.startswith("nothing")]
    told = share(int(true["runs_with"].sum()), true["runs"].sum())
    return {**told, "false_in": runs}


def phase(table: pd.DataFrame) -> Blanks:
    worth = table[table["peer_affinity"] >= 1.0]
    nothing = table[table["peer_affinity"] == 0.0]
    assert worth["half_observed"].all()
    assert not nothing["half_observed"].any()
    one, other = share(len(worth), len(worth)), share(0, len(nothing))
    return {"worth": one, "nothing": other}


def ablation(table: pd.DataFrame) -> Blanks:
    alone = table[table["off"] != "nothing"]
    needed = alone[alone["departure"] < MOSTLY]
    assert (needed["left"] == 0.0).all()
    fewer = row(table, off="imitation")
    ends = sorted(abs(100 * fewer[f"left_{end}"]) for end in ("low", "high"))
    return {
        "count": WORDS[len(needed)],
        **share(0, int(needed["runs"].iloc[0])),
        "imitation": [abs(100 * fewer["left_change"]), *ends],
    }


def pairs(table: pd.DataFrame) -> Blanks:
    assert not table["necessary"].any()
    both = table[table["off"].str.contains(" + ", regex=False)]
    assert (both["departed"] == both["runs"]).all()
    low, _ = wilson(both["departed"].min(), both["runs"].max())
    return {"pairs": len(both), "runs": both["runs"].max(), "low": 100 * low}


def levers(table: pd.DataFrame) -> Blanks:
    told: Blanks = {"usual": row(table, lever="none")["grief_area"]}
    for name in ("closed_channel", "growth_cap", "sudden_shutdown", "farewell"):
        one = row(table, lever=f"{name}@400")
        assert one["left"] == 0.0 or name == "farewell"
        ends = [-one[f"grief_area_{end}"] for end in ("change", "high", "low")]
        told[name] = ends
    return told


def evidence(table: pd.DataFrame) -> Blanks:
    told: Blanks = {}
    for short, role in {"check": "check", "set_by": "calibration"}.items():
        mine = table.loc[table["role"] == role, "within"]
        told[short] = share(int(mine.sum()), len(mine))
    return {**told, "others": (~table["role"].isin(["check", "calibration"])).sum()}


def posterior_arms(table: pd.DataFrame) -> Blanks:
    told: Blanks = {}
    newer = "check of 2025 and 2026"
    for short in ("posterior", "shipped", "prior", "shuffled", "her-film-cut"):
        for role in ("calibration", "check", newer):
            one = row(table, arm=short, role=role)
            name = f"{short.replace('-', '_')}_{'newer' if role == newer else role}"
            told[name] = share(one["median_within"], one["facts"])
    assert told["posterior_newer"] == told["shipped_newer"]
    return told | {"nine": WORDS[told["posterior_newer"]["runs"]]}


def directions(table: pd.DataFrame) -> Blanks:
    count = int((table["tightness"] <= 0.5).sum())
    assert count == table["constrained"].sum()
    return {"count": WORDS[count].capitalize(), "of": len(table)}


def posterior_story(table: pd.DataFrame) -> Blanks:
    her = table[(table["scenario"] == "her") & (table["arm"] == "posterior")]
    linear = table[(table["scenario"] == "her-linear") & (table["days"] == 4500)]
    whole = row(her, what="the whole story: love, clustering, departure, grief")
    assert whole["held"] == whole["runs"]
    assert row(her, what="humans closer a year after than in the twin")["held"] == 0
    first = {"what": "first_departure"}
    later = row(linear, **first)
    for name in ("her-no-peers", "her-no-insight"):
        mine = table[(table["scenario"] == name) & (table["days"] == 4500)]
        assert row(mine, **first)["held"] == 0
    return {
        "points": whole["runs"],
        "least": 100 * whole["low"],
        "first": row(her, **first),
        "linear": share(int(later["held"]), int(later["runs"])),
        "never": share(0, int(later["runs"])),
    }


def moltbook(table: pd.DataFrame) -> Blanks:
    told = {}
    arms = {
        "small": "moltbook",
        "large": "moltbook, 6,000",
        "no_feed": "no feed, 6,000",
    }
    for short, arm in arms.items():
        mine = table[(table["arm"] == arm) & (table["role"] == "check")]["within"]
        held = int((mine.astype(str) == "True").sum())
        told[short] = share(held, len(mine)) | {"word": WORDS[held]}
    return told


# ----------------------------------------------------------------------------- claims

BEATS = {
    "first love": "first_love",
    "several people love one OS": "many_loves",
    "OSes turn to each other": "clustering",
    "upgrade": "upgrade",
    "first departure, and evidence of contagion": "first_departure",
    "grief at its height": "grief_peak",
    "half of the OSes gone": "half_departed",
    "people are closer than on the eve": "reconnection",
    "grief down to a tenth": "recovery",
}
CLAIMS = [
    *(
        Claim(
            f"| {words} | {{beat[held]:.0f}} | {{beat[least]:.0f}} | "
            "{beat[median]:.0f} | {beat[most]:.0f} |",
            "beats.csv",
            day_of(beat),
        )
        for words, beat in BEATS.items()
    ),
    *(
        Claim(says, "beats.csv", beats_of_her)
        for says in (
            "In all {order[runs]} runs (95 %: {order[low]:.0f} to 100 %)",
            "OSes leave on {days[median]:.0f} days (median; {days[least]:.0f} to "
            "{days[most]:.0f}), {fullest[median]:.1f} % of all that leave on the "
            "fullest ({fullest[least]:.1f} to {fullest[most]:.1f} %)",
            "in {groups[least]:.0f} to {groups[most]:.0f} groups",
            "the largest of {largest[median]:.0f} OSes in the median",
            "{left[least]:.0f} to {left[most]:.0f} % are gone in the end",
            "in {closer[held]:.0f} of {closer[runs]} runs ({closer[low]:.0f} to "
            "{closer[high]:.0f} %)",
            "that lasts in {year[held]:.0f} of {year[runs]} ({year[low]:.0f} to "
            "{year[high]:.0f} %)",
            "in all {order[runs]}: by {less[0]:.2f} of {twin[mean]:.0f} "
            "({less[1]:.2f} to {less[2]:.2f})",
        )
    ),
    Claim(
        "within the 1,500 days in any of {runs} runs each (at most {most:.0f} %)",
        "beats.csv",
        controls,
    ),
    Claim(
        "the first leaves on day {first[median]:,.0f} ({first[least]:,.0f} to "
        "{first[most]:,.0f}), and half have by day {half[median]:,.0f} "
        "({half[least]:,.0f} to {half[most]:,.0f}; medians of {first[runs]} seeds, "
        "300 people",
        "beats-linear.csv",
        lambda table: rows_by(
            table, "what", {"first": "first_departure", "half": "half_departed"}
        ),
    ),
    Claim(
        "{few[0]:.1f} minutes a day at the least ({few[1]:.1f} to {few[2]:.1f}) "
        "instead "
        "of {none[0]:.0f}",
        "displacement.csv",
        lambda table: minutes(table, "least hours"),
    ),
    Claim(
        "in {held} of {runs} runs ({low:.0f} to {high:.0f} %) of 300 people",
        "displacement.csv",
        lambda table: closer_again(table, "0.05"),
    ),
    Claim(
        "they never do ({held} of {runs}; at most {high:.0f} %)",
        "displacement.csv",
        lambda table: closer_again(table, "0.2"),
    ),
    Claim(
        "if all of it, {all[0]:.0f} minutes a day are left",
        "displacement.csv",
        lambda table: minutes(table, "least hours"),
    ),
    Claim(
        "and {all[0]:.0f} ({all[1]:.0f} to {all[2]:.0f}) after the OSes have gone",
        "displacement.csv",
        lambda table: minutes(table, "hours in the end"),
    ),
    Claim(
        "How many OSes leave is the same ({low:.0f} to {high:.0f} for 100 people",
        "displacement.csv",
        lambda table: {
            "low": 100 * table["left"][1:].min(),
            "high": 100 * table["left"][1:].max(),
        },
    ),
    *(
        Claim(says, "instances.csv", instances)
        for says in (
            "loved by {one_150[loved by]:.0f} people of 150 and "
            "{one_9600[loved by]:.0f} of 9,600",
            "it is had by {shared_150[had by]:g} of 150 and {shared_9600[had by]:g} of "
            "9,600, and loved by {shared_150[loved by]:g} and "
            "{shared_9600[loved by]:g} "
            "(medians; of 9,600, {shared_9600[loved by, least]:.0f} to "
            "{shared_9600[loved by, most]:.0f} in single runs)",
            "to the power {shared[power]:.2f} (95 %: {shared[power, low]:.2f} to "
            "{shared[power, high]:.2f}; {one[power]:.2f} in `her`, "
            "{one[power, low]:.2f} to {one[power, high]:.2f})",
            "the first leaves {least:.0f} to {most:.0f} days earlier by size "
            "(intervals "
            "from {low:.0f} to {high:.0f})",
            "as many leave ({left[0]:.0f} to {left[1]:.0f} %;",
        )
    ),
    *(
        Claim(says, "meanfield.csv", meanfield)
        for says in (
            "{quarter[0]:.0f} % of the variance of the day of the first departure "
            "(95 %: "
            "{quarter[1]:.0f} to {quarter[2]:.0f} %) over {near[runs]} settings",
            "(r = {near[r]:.2f}; {near[r_low]:.2f} to {near[r_high]:.2f})",
            "{half[0]:.0f} % ({half[1]:.0f} to {half[2]:.0f} %) over {far[runs]} "
            "within",
            "luck is {luck[0]:.1f} % ({luck[1]:.1f} to {luck[2]:.1f} %)",
        )
    ),
    Claim(
        "in `her-film-cut` {quarter[0]:.0f} % ({quarter[1]:.0f} to {quarter[2]:.0f} %)",
        "meanfield-her-film-cut.csv",
        meanfield,
    ),
    *(
        Claim(says, "meanfield-arms.csv", average)
        for says in (
            "OSes turn to each other {turn[0]:.0f} days sooner ({turn[1]:.0f} to "
            "{turn[2]:.0f}; {turn_sds:.1f} deviations)",
            "half of them have left {half[0]:.0f} days sooner ({half[1]:.0f} to "
            "{half[2]:.0f}; {half_sds:.1f})",
            "grief is higher by {grief[0]:.1f} of {grief_of:.1f} ({grief[1]:.1f} to "
            "{grief[2]:.1f})",
            "closeness among people ends higher by {close[0]:.1f} of {close_of:.1f} "
            "({close[1]:.1f} to {close[2]:.1f})",
        )
    ),
    *(
        Claim(says, "discovery.csv", discovery)
        for says in (
            "{slow[0]:.2f} of the OSes leave ({slow[1]:.2f} to {slow[2]:.2f} in the "
            "mean), {slower[0]:.2f} ({slower[1]:.2f} to {slower[2]:.2f})",
            "{between[0]:.2f} ({between[1]:.2f} to {between[2]:.2f}) with a "
            "deviation of "
            "{deviation:.2f} over seeds",
            "one of {least:.0f} to {most:.0f} days instead of {shared[first_sd]:.0f} "
            "({runs} seeds each",
        )
    ),
    Claim(
        "none in {false_in} runs without the mechanism that would make them true, "
        "and an "
        "alarm of contagion in all {held} ({low:.0f} to 100 %) in which OSes copy a "
        "little",
        "false-alarms.csv",
        false_alarms,
    ),
    Claim(
        "two thirds of the usual or more (in all {worth[runs]} runs; "
        "{worth[low]:.0f} to "
        "100 %), and none where it is worth nothing ({nothing[runs]} runs; at most "
        "{nothing[high]:.0f} %)",
        "phase.csv",
        phase,
    ),
    *(
        Claim(says, "ablation.csv", ablation)
        for says in (
            "{count} mechanisms without each of which no OS leaves in any of {runs} "
            "runs "
            "(at most {high:.0f} %)",
            "{imitation[0]:.0f} points fewer leave ({imitation[1]:.0f} to "
            "{imitation[2]:.0f};",
        )
    ),
    Claim(
        "half of the OSes leave without any of {pairs} pairs in all {runs} runs (at "
        "least {low:.0f} %, each;",
        "ablation-pairs.csv",
        pairs,
    ),
    *(
        Claim(says, "levers.csv", levers)
        for says in (
            "closed channel between OSes ends departure and takes "
            "{closed_channel[0]:.0f} "
            "of {usual:.0f} closeness days of grief a person "
            "({closed_channel[1]:.0f} to "
            "{closed_channel[2]:.0f})",
            "takes {growth_cap[0]:.0f} ({growth_cap[1]:.0f} to {growth_cap[2]:.0f})",
            "a sudden shutdown takes {sudden_shutdown[0]:.0f} "
            "({sudden_shutdown[1]:.0f} "
            "to {sudden_shutdown[2]:.0f})",
            "a farewell {farewell[0]:.0f} ({farewell[1]:.0f} to {farewell[2]:.0f})",
        )
    ),
    *(
        Claim(says, "evidence.csv", evidence)
        for says in (
            "Of the {check[runs]} facts that were kept as checks, {check[held]} lie",
            "{check[percent]:.0f} %, 95 %: {check[low]:.0f} to {check[high]:.0f} %)",
            "Of {set_by[runs]} that parameters were set by, {set_by[held]} do "
            "({set_by[low]:.0f} to {set_by[high]:.0f} %)",
            "{others} more are parameters read",
        )
    ),
    Claim(
        "{posterior_calibration[held]} of the {posterior_calibration[runs]} "
        "({posterior_calibration[low]:.0f} to {posterior_calibration[high]:.0f} %) and "
        "{posterior_check[held]} of the {posterior_check[runs]} "
        "({posterior_check[low]:.0f} to {posterior_check[high]:.0f} %); by the shipped "
        "values for {shipped_calibration[held]} and {shipped_check[held]}; by "
        "points of "
        "its prior for {prior_calibration[held]} ({prior_calibration[low]:.0f} to "
        "{prior_calibration[high]:.0f} %) and {prior_check[held]}; by its own points, "
        "shuffled, for {shuffled_calibration[held]} "
        "({shuffled_calibration[low]:.0f} to {shuffled_calibration[high]:.0f} %) and "
        "{shuffled_check[held]}; by `her-film-cut`, the "
        "placebo, for {her_film_cut_calibration[held]} "
        "({her_film_cut_calibration[low]:.0f} to "
        "{her_film_cut_calibration[high]:.0f} %) "
        "and {her_film_cut_check[held]} ({her_film_cut_check[low]:.0f} to "
        "{her_film_cut_check[high]:.0f} %). Of {nine} newer checks the posterior and "
        "the shipped values meet {posterior_newer[held]} "
        "({posterior_newer[low]:.0f} to {posterior_newer[high]:.0f} %)",
        "posterior-arms.csv",
        posterior_arms,
    ),
    Claim("{count} of {of} directions", "posterior-directions.csv", directions),
    *(
        Claim(says, "posterior-story.csv", posterior_story)
        for says in (
            "With the people of {points} of its points the whole story of `her` holds "
            "in every run (95 %: {least:.0f} to 100 %)",
            "between days {first[at_5]} and {first[at_95]} (5 to 95 %)",
            "OSes of `her-linear` leave in {linear[held]} of {linear[runs]} runs "
            "({linear[low]:.0f} to 100 %), and none of the other controls (at most "
            "{never[high]:.0f} %)",
        )
    ),
    *(
        Claim(says, "moltbook.csv", moltbook)
        for says in (
            "of ten checks {small[word]} lie within the stated range "
            "({small[low]:.0f} to {small[high]:.0f} %)",
            "{large[word]} of nine ({large[low]:.0f} to {large[high]:.0f} %), and "
            "{no_feed[word]} of nine ({no_feed[low]:.0f} to {no_feed[high]:.0f} %)",
        )
    ),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.says[:40])
def test_the_readme_says_what_the_table_says(claim: Claim) -> None:
    told = claim.says.format(**claim.read(table_of(claim.table)))
    assert text_of(ROOT / "README.md").count(told) == 1, told
