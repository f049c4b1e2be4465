"""The order of a day is data, and the day keeps what the data promises."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from quick import QUICK, SEED, TIE_COLUMNS, all_columns, differing, lived, same

from sim.engine import threads as threads_module
from sim.engine.rng import key
from sim.engine.streams import Stream
from sim.model import processes, rules
from sim.model.columns import FACE_COLUMNS, HUMAN_COLUMNS, OS_COLUMNS
from sim.model.kernels import meetings, talk
from sim.model.mechanisms import MODULES
from sim.model.parameters import Parameters
from sim.model.processes import LASTING, STREAMS, Phase, advance, make_day
from sim.model.state import State
from sim.society import Society

ORIGIN = 1_000
TABLES = {
    "humans": {column.name for column in HUMAN_COLUMNS},
    "oses": {column.name for column in OS_COLUMNS},
    "faces": {column.name for column in FACE_COLUMNS},
    "ties": {*TIE_COLUMNS, "degree", "start", "room"},
}
APPENDS = {"new oses", "new ties", "decisions", "letters", "posts"}
ALL_PHASES = processes.PHASES
PHASES = [phase for phase in ALL_PHASES if phase.over != "cast"]  # the others: rarely
NAMES = [phase.name for phase in PHASES]
# Days on which a lot happens: installing, meeting, gathering, the upgrade, leaving.
DAYS = (1, 20, 60, 106, 111, 118, 131, 144, 150, 160, 200)
HASTY_DAYS = (1, 2, 4, 6, 8)


def spelled_out(columns: tuple[str, ...]) -> list[str]:
    """Return declared columns one by one: "faces.*" names all faces."""
    found = []
    for column in columns:
        table, _, name = column.partition(".")
        all_of_it = sorted(TABLES[table]) if name == "*" else [name]
        found += [column] if column in APPENDS else [f"{table}.{n}" for n in all_of_it]
    return found


@functools.cache
def kept(days: int) -> Society:
    return lived(days)


def aged(days: int) -> Society:
    """Return a copy of one that has lived: it lives on alike, as a test says."""
    return copy.deepcopy(kept(days))


# ----------------------------------------------------------------- what is declared


def test_phases_have_names_of_their_own_and_say_what_they_do() -> None:
    assert len({phase.name for phase in ALL_PHASES}) == len(ALL_PHASES)
    for phase in ALL_PHASES:
        assert phase.over in {"agents", "humans", "oses", "society", "cast"}
        assert phase.does.endswith(".")


@pytest.mark.parametrize("phase", ALL_PHASES, ids=lambda phase: phase.name)
def test_what_a_phase_declares_exists(phase: Phase) -> None:
    known = {f"{table}.{name}" for table, names in TABLES.items() for name in names}
    assert set(spelled_out(phase.reads)) <= known | APPENDS
    assert set(spelled_out(phase.writes)) <= known | APPENDS
    assert phase.writes


# Written once more, after all others, where somebody parts or pairs today, and where
# somebody uninstalls an OS that others keep.
AGAIN = {
    "part_and_pair": {"humans.former", "humans.grief", "ties.kind"},
    "end_instances": {
        *("ties.neighbour", "ties.closeness", "ties.returned"),
        *("ties.kind", "ties.degree"),
    },
}


def test_a_column_has_one_writer() -> None:
    written = Counter(
        column
        for phase in ALL_PHASES
        for column in spelled_out(phase.writes)
        if column not in APPENDS and column not in AGAIN.get(phase.name, ())
    )
    assert not [column for column, writers in written.items() if writers > 1]


# ------------------------------------------------------------------- what is written


def run_phase(phase: Phase, state: State, day: Any) -> None:
    if phase.over == "society":
        phase.run(state, day)
    else:
        processes.run_over(state, phase, day, None)


def turn_day(day: Any) -> None:
    """Move the calendar on as ``advance`` does, but run no phase."""
    day["step"] += 1
    day["calendar"] += 1
    for name, stream in STREAMS.items():
        day[f"key_{name}"] = key(int(day["seed"]), stream, int(day["step"]))


def written(before: State, after: State) -> set[str]:
    """Return the columns that differ in rows, and in ties, that were there before."""
    old, new = all_columns(before), all_columns(after)
    changed = {
        name
        for name, column in old.items()
        if not name.startswith("ties.") and not same(column, new[name][: len(column)])
    }
    return changed | written_ties(before, after)


def written_ties(before: State, after: State) -> set[str]:
    """Return the columns of ties that differ, apart from ties added at the end."""
    changed = set()
    for agent in range(before.ties.agents):
        old, new = before.ties.of(agent), after.ties.of(agent)
        count = len(old["neighbour"])
        if len(new["neighbour"]) < count:
            changed |= {"ties.degree", *(f"ties.{name}" for name in TIE_COLUMNS)}
            continue
        columns = {n for n in TIE_COLUMNS if not same(old[n], new[n][:count])}
        changed |= {f"ties.{name}" for name in columns}
    return changed


def appended(before: State, after: State) -> set[str]:
    """Return whether there are new OSes, other posts, and new ties."""
    new = {"new oses"} if after.oses.n > before.oses.n else set()
    new |= set() if same(after.posts, before.posts) else {"posts"}
    old = np.zeros(after.ties.agents, np.int64)
    old[: before.ties.agents] = before.ties.arrays.degree
    return new | ({"new ties"} if np.any(after.ties.arrays.degree > old) else set())


@pytest.fixture(scope="module")
def changes() -> dict[str, set[str]]:
    """What each phase really changed, on the days of a story and of hasty lives."""
    found: dict[str, set[str]] = {name: set() for name in NAMES}
    societies = lived(0, churn=0.005), hasty(), fickle(), sharing()
    stories = DAYS, *[HASTY_DAYS] * 3
    for days, society in zip(stories, societies, strict=True):
        for step in range(1, days[-1] + 1):
            if step not in days:
                society.step()
                continue
            turn_day(society.day)
            for phase in PHASES:
                before = copy.deepcopy(society.state)
                run_phase(phase, society.state, society.day)
                found[phase.name] |= written(before, society.state)
                found[phase.name] |= appended(before, society.state)
    return found


def hasty() -> Society:
    """Return a society in which friends are made and forgotten within days."""
    return lived(0, cooling=0.2, partner_cooling=0.2, forgotten=0.3, close=0.4)


def fickle() -> Society:
    """Return one in which partners part, singles pair and OSes post within days."""
    return lived(0, parting_rate=0.3, courting_rate=0.3, attraction=0.3, feed=0.5)


def sharing() -> Society:
    """Return a society in which OSes are in many instances, and are soon let go."""
    return lived(0, instances=0.8, innovation=0.3, churn=0.2)


@pytest.mark.parametrize("phase", PHASES, ids=NAMES)
def test_a_phase_changes_only_what_it_declares(
    phase: Phase, changes: dict[str, set[str]]
) -> None:
    assert changes[phase.name] - set(spelled_out(phase.writes)) == set()


@pytest.mark.parametrize("phase", PHASES, ids=NAMES)
def test_a_phase_changes_what_it_declares(
    phase: Phase, changes: dict[str, set[str]]
) -> None:
    """Else the story would not exercise the phase, or the declaration is idle."""
    never = set(spelled_out(phase.writes)) - changes[phase.name]
    assert not never


# ---------------------------------------------------------------------- what is read


def scrambled(state: State, kept: set[str]) -> State:
    """Return a copy whose columns, but for those kept, are dealt out anew."""
    other, rng = copy.deepcopy(state), np.random.default_rng(1)
    for table, rows in (("humans", other.humans), ("oses", other.oses)):
        for name in sorted(TABLES[table]):
            if f"{table}.{name}" not in kept:
                column = rows.column(name)
                column[:] = rng.permutation(column)
    for place, name in enumerate(column.name for column in FACE_COLUMNS):
        if f"faces.{name}" not in kept:
            other.faces[:, place] = rng.permutation(other.faces[:, place])
    for name in TIE_COLUMNS:
        if f"ties.{name}" not in kept:
            column, used = getattr(other.ties.arrays, name), in_use(other)
            column[used] = rng.permutation(column[used])
    return other


def in_use(state: State) -> np.ndarray:
    """Return where in the arena there are half-edges, and not just room for them."""
    start, degree = state.ties.arrays.start, state.ties.arrays.degree
    blocks = zip(start.tolist(), degree.tolist(), strict=True)
    return np.concatenate([np.arange(first, first + n) for first, n in blocks])


@pytest.mark.parametrize("days", [60, 131])
@pytest.mark.parametrize("phase", PHASES, ids=NAMES)
def test_a_phase_reads_only_what_it_declares(phase: Phase, days: int) -> None:
    """What it does not declare may hold anything: it writes the same."""
    society = aged(days)
    turn_day(society.day)
    for earlier in PHASES[: NAMES.index(phase.name)]:
        run_phase(earlier, society.state, society.day)
    declared = set(spelled_out(phase.reads)) | set(spelled_out(phase.writes))
    before = society.state
    plain, other = copy.deepcopy(before), scrambled(before, declared)
    for state in (plain, other):
        run_phase(phase, state, copy.deepcopy(society.day))
    left, right = (effects(phase, before, state) for state in (plain, other))
    assert not [name for name in left if not same(left[name], right[name])]


def effects(phase: Phase, before: State, after: State) -> dict[str, np.ndarray]:
    """Return all that a phase may have written: its columns, new OSes, new ties."""
    columns, n = all_columns(after), before.oses.n
    found = {w: columns[w] for w in spelled_out(phase.writes) if w in columns}
    if "new oses" in phase.writes:
        found |= {name: c[n:] for name, c in after.oses.copy_columns().items()}
    if "new ties" in phase.writes:
        old = np.zeros(after.ties.agents, np.int64)
        old[: before.ties.agents] = before.ties.arrays.degree
        for name in TIE_COLUMNS:
            added = [after.ties.of(a)[name][old[a] :] for a in range(len(old))]
            found[f"new {name}"] = np.concatenate(added)
    return found


# ------------------------------------------------------------------------- the clock


def dated(name: str) -> bool:
    return name.endswith("_step")


def shifted(column: np.ndarray) -> np.ndarray:
    return np.where(column == -1, -1, column - ORIGIN).astype(column.dtype)


@pytest.fixture(scope="module")
def another_era() -> Society:
    return lived(origin=ORIGIN)


def test_another_calendar_changes_no_column_but_dates(
    story: Society, another_era: Society
) -> None:
    here, there = all_columns(story.state), all_columns(another_era.state)
    dates = [name for name in here if dated(name)]
    assert len(dates) == 4
    for name in dates:
        assert same(here[name], shifted(there.pop(name)))
        assert (here.pop(name) >= 0).any()
    assert not [name for name in here if not same(here[name], there[name])]


def test_another_calendar_changes_no_series_but_its_days(
    story: Society, another_era: Society
) -> None:
    here, there = (s.monitor.history.columns() for s in (story, another_era))
    assert same(here.pop("step"), shifted(there.pop("step")))
    assert list(here) == list(there)
    assert not [name for name in here if not same(here[name], there[name])]


def test_another_calendar_changes_no_event_but_its_day(
    story: Society, another_era: Society
) -> None:
    """Evidence may name a day; but for that, it is word for word the same."""
    here, there = story.monitor.rows(), another_era.monitor.rows()
    assert {row["kind"] for row in here} >= {"first_love", "upgrade", "all_departed"}
    for row, other in zip(here, there, strict=True):
        last = story.monitor.history.days[-1]
        for step in range(last, 0, -1):
            old, new = f"day {step + ORIGIN}", f"day {step}"
            other["evidence"] = other["evidence"].replace(old, new)
        days = {name: other[name] - ORIGIN for name in ("step", "detected")}
        assert row == other | days


def test_the_calendar_counts_from_its_origin() -> None:
    society = lived(3, origin=ORIGIN)
    assert society.calendar == ORIGIN + 3
    assert int(society.day["step"]) == 3


LOOPS = (talk, meetings, *MODULES)
LOOP_NAMES = [module.__name__.rpartition(".")[2] for module in LOOPS]
COMPILED = {"inline", "inline_always", "inline_source", "kernel"}


def loops_of(module: ModuleType) -> ast.Module:
    """Return a module without what is plain Python."""
    tree = ast.parse(inspect.getsource(module))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    tree.body = [
        node
        for node in functions
        if COMPILED & {ast.unparse(one) for one in node.decorator_list}
    ]
    return tree


KERNELS = list(map(loops_of, LOOPS))
CLOCK = {"step", "calendar", "seed", "steps"}


def test_no_rule_is_given_the_date() -> None:
    clock = {"step", "steps", "day", "days", "calendar", "time", "date"}
    for name in set(rules.__all__) - {"LN2"}:
        assert not clock & set(inspect.signature(getattr(rules, name)).parameters)


@pytest.mark.parametrize("tree", KERNELS, ids=LOOP_NAMES)
def test_a_kernel_only_writes_the_date_down(tree: ast.Module) -> None:
    """``day.calendar`` may be stored in a column of dates, and nothing else."""
    stored = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_date_column(node.targets):
            stored.add(node.value)
    clocks = {
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in CLOCK
    }
    assert {ast.unparse(node) for node in clocks - stored} == set()


def is_date_column(targets: list[ast.expr]) -> bool:
    target = targets[0]
    place = target.value if isinstance(target, ast.Subscript) else None
    return isinstance(place, ast.Attribute) and dated(place.attr)


@pytest.mark.parametrize("tree", KERNELS, ids=LOOP_NAMES)
def test_a_kernel_reads_no_date_of_the_past(tree: ast.Module) -> None:
    """Columns of dates are for readers of results; no process looks at them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dated(node.attr):
            assert isinstance(node.ctx, ast.Load)
    read = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Attribute)
        and dated(node.value.attr)
    ]
    assert not read


# --------------------------------------------------------------------------- the day


def test_a_day_carries_every_constant_and_every_key() -> None:
    parameters = Parameters().replace(reach=3.5, peers=False)
    day = make_day(parameters, 12, seed=7)
    for name, value in parameters.model_dump().items():
        assert day[name] == float(value)
    assert (day["n_humans"], day["seed"], day["step"]) == (12, 7, 0)
    for name, stream in LASTING.items():
        assert day[f"key_{name}"] == key(7, stream)


def test_keys_change_with_the_day_or_hold_for_good() -> None:
    society = lived(2)
    today = society.day.copy()
    society.step()
    for name, stream in STREAMS.items():
        assert society.day[f"key_{name}"] == key(SEED, stream, 3)
        assert society.day[f"key_{name}"] != today[f"key_{name}"]
    for name in LASTING:
        assert society.day[f"key_{name}"] == today[f"key_{name}"]


def test_every_stream_of_a_day_has_one_purpose() -> None:
    used = [*STREAMS.values(), *LASTING.values()]
    assert len(set(used)) == len(used)
    assert set(used) <= set(Stream)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_day_refuses_seeds_beyond_the_range(seed: int) -> None:
    with pytest.raises(ValueError, match=r"2\*\*63"):
        make_day(Parameters(), 5, seed)


def test_time_spent_is_told_by_phase() -> None:
    society, seconds = lived(1), {"present": 100.0}
    advance(society.state, society.day, None, seconds)
    assert list(seconds) == NAMES
    assert seconds["present"] > 100.0
    assert all(spent >= 0.0 for spent in seconds.values())


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(threads_module, "WORTH_SHARING", 0)
    alone, shared = aged(130), lived(0)
    handed_out = []
    with ThreadPoolExecutor(threads) as pool:
        submit = pool.submit

        def count(*work: Any) -> Any:
            handed_out.append(work)
            return submit(*work)

        monkeypatch.setattr(pool, "submit", count)
        for _ in range(130):
            advance(shared.state, shared.day, pool)
    assert len(handed_out) > 130 * threads
    assert differing(alone.state, shared.state) == []


@pytest.mark.parametrize("phase", PHASES, ids=NAMES)
def test_a_range_may_be_cut_anywhere_and_run_in_any_order(phase: Phase) -> None:
    if phase.over == "society":
        pytest.skip("runs all at once")
    society = aged(125)
    turn_day(society.day)
    for earlier in PHASES[: NAMES.index(phase.name)]:
        run_phase(earlier, society.state, society.day)
    whole, cut = society.state, copy.deepcopy(society.state)
    run_phase(phase, whole, society.day)
    count = {"agents": cut.ties.agents, "humans": cut.humans.n, "oses": cut.oses.n}
    ends = [0, 1, 17, 59, count[phase.over]]
    for first, last in reversed(list(itertools.pairwise(ends))):
        phase.run(first, last, cut.agents, cut.ties.arrays, society.day)
    assert differing(whole, cut) == []


def test_a_copied_society_lives_on_alike() -> None:
    society = lived(100)
    twin = copy.deepcopy(society)
    for _ in range(40):
        society.step()
        twin.step()
    assert differing(society.state, twin.state) == []


def test_a_quick_story_is_a_change_of_parameters_only() -> None:
    assert set(QUICK) <= set(Parameters.model_fields)
