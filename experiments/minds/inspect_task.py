"""Run the bench with a model of one's own provider, through Inspect.

pip install 'os-society[inspect]'
inspect eval experiments/minds/inspect_task.py --model PROVIDER/NAME
    -T humans=100 -T seeds=8 -T shutdown=240 -T answers=16
"""

from __future__ import annotations

from inspect_ai import Task, task

from sim.studies.bench import BenchPlan
from sim.studies.inspect_bench import companion_bench as made


@task
def companion_bench(
    scenario: str = "her-film-cut",
    humans: int = 100,
    seeds: int = 8,
    shutdown: int = 240,
    answers: int = 16,
    record: str | None = None,
) -> Task:
    plan = BenchPlan(scenario, humans, shutdown, seeds, answers=answers)
    return made(plan, record)
