"""Play a stored run once more, with a person who speaks for one of its humans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.minds.calls import PERSON, Settings
from sim.minds.mind import Policy
from sim.minds.options import MindOptions
from sim.minds.several import OsModel
from sim.minds.turns import FEWEST
from sim.model.parameters import recorded
from sim.runs import run as running
from sim.runs.result import Result
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments


@checked_arguments()
def play(
    result: Result,
    human: int | str,
    *,
    steps: int | None = None,
    talks: float = 0.2,
    turns: int = FEWEST,
    model: Settings | None = None,
    record: str | Path | None = None,
    replay: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Result:
    """Run what a stored run was, with a person who speaks for one of its humans.

    The society is the same, with the same random numbers; only what is said in so many
    words by this human is what the person types at standard input, and what follows
    from it. Whoever else had a cast in the stored run follows the rules.

    Parameters
    ----------
    result
        A stored run; it is read, and never changed.
    human
        For whom the person speaks: a number, or what a network calls a human.
    steps
        Days; None takes those of the run.
    talks
        Talks in so many words, a day on average.
    turns
        Of a talk with the own OS, at most, 2 to 8; more than 2 need a ``model``.
    model
        A model that speaks for the human's own OS; None leaves it to the rules.
    record
        File that what is typed goes to; a run that was cut short goes on from it.
    replay
        File in which the answers are; then nobody is asked.
    out, overwrite
        As for `sim.runs.run.run`.

    Returns
    -------
    Result
        The new run.

    Raises
    ------
    InputError
        If there is no such human, or the run cannot be run again from what it keeps.
    """
    agent = result.number_of(human)
    if agent >= result.population:
        raise InputError(f"agent {agent} is an OS; a person speaks for a human")
    known = result.provenance
    days = known["steps"] if steps is None else steps
    options: dict[str, Any] = {"seed": int(known["seed"]), "network": _network(result)}
    kept = known.get("options") or {}
    return running.run(
        _scenario(result).replace(steps=int(days)),
        mind=person_options(agent, talks, model, record, replay, turns),
        out=out,
        overwrite=overwrite,
        snapshot_every=int(kept.get("snapshot_every", 30)),
        **options,
    )


def person_options(
    human: int,
    talks: float = 0.2,
    model: Settings | None = None,
    record: str | Path | None = None,
    replay: str | Path | None = None,
    turns: int = FEWEST,
) -> MindOptions:
    """Return the options of a cast of one human, for whom a person speaks.

    With a model its own OS is of the cast, too, and speaks through that.

    Raises
    ------
    InputError
        If a talk shall have more turns than 2, and nobody is there who answers.
    """
    if turns > FEWEST and model is None:
        raise InputError(
            f"a talk of {turns} turns needs somebody who answers; name a model of the "
            "own OS (--model), or leave out --turns"
        )
    return MindOptions(
        kind="person",
        cast=1 if model is None else 2,
        humans=(human,),
        talks=talks,
        settings=PERSON,
        policy=Policy(stop_after=0),
        record=record,
        replay=replay,
        oses=() if model is None else (OsModel(1.0, model),),
        turns=turns,
    )


def _scenario(result: Result) -> Scenario:
    """Return the scenario that a run was; it has no story to tell."""
    known = result.provenance
    if known.get("mechanisms"):
        raise InputError(
            f"{result.path} has mechanisms of its own "
            f"({', '.join(known['mechanisms'])}), which is code; play a run without"
        )
    if known.get("parent"):
        raise InputError(f"{result.path} is a fork; play the run that it is of")
    told = known.get("interventions") or []
    try:
        return Scenario(
            name=known["scenario"],
            title="",
            story="",
            profile=known.get("profile") or "os1",
            varies=known.get("varies") or {},
            profiles=known.get("profiles") or [],
            parameters=recorded(known["parameters"]),
            interventions=[Intervention.model_validate(one) for one in told],
        )
    except ValidationError as error:
        wrong = error.errors()[0]["msg"]
        raise InputError(f"{result.path}: its provenance is damaged: {wrong}") from None


def _network(result: Result) -> Any:
    """Return the network that a run was given, if it kept it."""
    told = result.provenance.get("network")
    if told is not None and result.network is None:
        raise InputError(
            f"{result.path} began on a network file, which it does not keep; play a "
            "run without, or one whose network was in memory"
        )
    return result.network
