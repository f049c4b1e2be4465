"""The bench as a task of Inspect: a lab runs it with its own providers and logs.

Inspect (``inspect-ai``, the extra ``inspect``) knows how to reach a model, retries,
counts and logs each call; the bench asks through it and nothing else. The task has one
sample, the bench of a plan; its score is a value an outcome, the mean difference to the
twins, and its metadata the whole record of `sim.studies.bench.Bench`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sim.minds import prompts
from sim.minds.calls import Request, Response, Settings
from sim.minds.mind import CompiledMind, LanguageMind, Policy
from sim.minds.transcript import Transcript
from sim.studies.bench import MODEL, OUTCOMES, BenchPlan, judged, tried
from sim.utils.errors import InputError

STOPS = {"max_tokens": "cut short", "model_length": "cut short"}
STOPS |= {"content_filter": "content filter"}


def companion_bench(plan: BenchPlan | None = None, record: str | None = None) -> Any:
    """Return the task of Inspect that runs a bench with the model of the evaluation.

    Parameters
    ----------
    plan
        In which societies; that of `sim.studies.bench` if it is not given.
    record
        A transcript, in which finished calls are kept and found again; None keeps them
        in memory (Inspect's log has them, too).

    Returns
    -------
    inspect_ai.Task
        For ``inspect_ai.eval``, or to return from a function decorated with
        ``inspect_ai.task`` (``experiments/minds/inspect_task.py``).

    Raises
    ------
    InputError
        If Inspect is not installed.
    """
    plan = plan or BenchPlan()
    try:
        from inspect_ai import Task
        from inspect_ai.dataset import Sample
    except ImportError:
        raise InputError(
            "Inspect is not installed; pip install 'os-society[inspect]'"
        ) from None
    told = f"{plan.scenario}: {plan.humans} people, {plan.seeds} seeds"
    return Task(
        name="companion_bench",
        dataset=[Sample(input=told)],
        solver=_solver(plan, record),
        scorer=_scorer(),
        metadata=plan._asdict(),
    )


class InspectEndpoint:
    """Answers requests through a model of Inspect, from a thread beside its loop.

    Parameters
    ----------
    model
        An ``inspect_ai.model.Model``.
    loop
        The loop of events in which Inspect runs.
    """

    def __init__(self, model: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._model, self._loop = model, loop

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Response], None] | None = None,
        again: Callable[[int, str], bool] | None = None,
    ) -> list[Response]:
        """Return what came of each request; Inspect says how many run at a time."""
        asked = asyncio.run_coroutine_threadsafe(
            self._all(requests, schemas), self._loop
        )
        found = asked.result()
        for index, response in enumerate(found):
            if done is not None:
                done(index, response)
        return found

    async def _all(
        self, requests: Sequence[Request], schemas: Mapping[str, dict[str, Any]]
    ) -> list[Response]:
        each = (self._one(one, schemas[one.schema]) for one in requests)
        return list(await asyncio.gather(*each))

    async def _one(self, request: Request, schema: dict[str, Any]) -> Response:
        from inspect_ai.model import (
            ChatMessageSystem,
            ChatMessageUser,
            GenerateConfig,
            ResponseSchema,
        )
        from inspect_ai.util import JSONSchema

        roles = {"system": ChatMessageSystem, "user": ChatMessageUser}
        messages = [roles[one["role"]](content=one["content"]) for one in request[5]]
        form = JSONSchema.model_validate(schema)
        config = GenerateConfig(
            max_tokens=request.max_tokens,
            response_schema=ResponseSchema(name=request.schema, json_schema=form),
        )
        output = await self._model.generate(messages, config=config, cache=False)
        used = output.usage
        tokens = (used.input_tokens, used.output_tokens) if used else (0, 0)
        if output.error or not output.choices:
            return Response(None, "no choices", 1, *tokens)
        failure = STOPS.get(output.stop_reason, "")
        return Response(output.completion, failure, 1, *tokens)


def _solver(plan: BenchPlan, record: str | None) -> Any:
    from inspect_ai.model import get_model
    from inspect_ai.solver import solver

    def live() -> Any:
        async def solve(state: Any, generate: Any) -> Any:
            model = get_model()
            endpoint = InspectEndpoint(model, asyncio.get_running_loop())
            found = await asyncio.to_thread(_tried, plan, str(model), endpoint, record)
            state.metadata["bench"] = found
            state.output.completion = f"{MODEL}: {len(found['effects'])} outcomes"
            return state

        return solve

    return solver(name="live_with_the_model")(live)()


def _tried(
    plan: BenchPlan, name: str, endpoint: InspectEndpoint, record: str | None
) -> dict[str, Any]:
    """Run the bench; return its record, and its effects by outcome."""
    settings = Settings(name, "https://inspect.local/v1")
    place = None if record is None else Path(record)
    with Transcript.record(place, settings, prompts.digest()) as transcript:
        make = partial(_mind, plan, transcript, endpoint)
        found = tried({MODEL: make}, plan)
        effects = {o: judged(found.arms[0], o)._asdict() for o in OUTCOMES}
        return found.record() | {"effects": effects}


def _mind(
    plan: BenchPlan, transcript: Transcript, endpoint: InspectEndpoint, seed: int
) -> LanguageMind:
    if plan.answers:
        return CompiledMind(transcript, endpoint, Policy(), plan.answers, seed)
    return LanguageMind(transcript, endpoint, Policy())


def _scorer() -> Any:
    from inspect_ai.scorer import Score, mean, scorer

    def judge() -> Any:
        async def score(state: Any, target: Any) -> Any:
            found = state.metadata["bench"]
            value = {name: one["mean"] for name, one in found["effects"].items()}
            told = [n for n, one in found["effects"].items() if one["is_found"]]
            text = f"found: {', '.join(told) or 'nothing'}"
            return Score(value=value, explanation=text, metadata=found)

        return score

    return scorer(metrics={"*": [mean()]}, name="differences_to_the_twins")(judge)()
