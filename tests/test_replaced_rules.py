"""Rules of mechanisms in the place of the model's: wherever these are called from."""

from __future__ import annotations

import ast
import functools
import inspect
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK, differing

import sim
from sim import plots
from sim.events import kinds
from sim.mechanisms import callers, registry, replaced
from sim.mechanisms.mechanism import Mechanism
from sim.model import births, rules
from sim.model.encounters import Cast, RuleMind
from sim.model.processes import PHASES
from sim.reports import figures, provenance
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.studies import contract
from sim.utils.errors import InputError

PACKAGE = Path(sim.__file__).parent
EXAMPLE = PACKAGE.parent / "experiments" / "mechanisms" / "growth_and_departure.py"
HALVES = [{"name": "assistant", "share": 0.5}, {"name": "os1", "share": 0.5}]
SMALL = QUICK | {"humans": 40, "steps": 30}
# What comes to a rule besides days: day 0, and what looks at a society or a stored run.
READERS = {
    "society/__init__.py": {"populate"},
    "runs/first_day.py": {"loneliness_from_support"},
    "plots/trends.py": {"attention_weight"},
    "studies/validation/recorder.py": {"attention_weight"},
    "studies/validation/quantities.py": {"update_closeness"},
    "studies/audit_scenes.py": {  # of the rules as shipped: see ``audit.check``
        *("attention_weight", "departure_push", "receptiveness", "saturation"),
        *("talk_quality", "talk_value"),
    },
}
# Loops of talk and of meetings for agents that differ from each other, and of meetings
# where people come and go, which refuse other rules of either.
REFUSED = {
    "mechanisms/pair_loops.py",
    "mechanisms/row_loops.py",
    "model/turnover.py",
}
HEAD = """
from sim.mechanisms import Column, Mechanism, real
from sim.model import rules

MINE = Mechanism("mine", "", parameters={"pace": real(1, "1", 0, 10, "", "assumed")})
"""


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()
    for kind in [*kinds.OF_MECHANISMS]:
        kinds.remove(kind)


def small(*mechanisms: Any, **changes: Any) -> Scenario:
    return (
        sim.scenario("her-film-cut")
        .replace(**SMALL)
        .use(*mechanisms)
        .replace(**changes)
    )


def lived(scenario: Scenario, days: int = 30, **options: Any) -> Society:
    society = Society(scenario, seed=1, **options)
    for _ in range(days):
        society.step()
    return society


def mine(folder: Path, text: str, name: str = "mine") -> Path:
    file = folder / f"{name}.py"
    file.write_text(HEAD.replace('"mine"', repr(name)).replace("MINE", "M") + text)
    return file


def replacing(rule: str, body: str) -> str:
    """Return the text that replaces a rule, with a parameter ``pace``."""
    names = ", ".join(inspect.signature(getattr(rules, rule)).parameters)
    return f"@M.replaces({rule!r})\ndef other({names}, *, pace):\n    return {body}\n"


# --------------------------------------------------------------------------- callers


# Rules of what a cast said, which no loop calls.
OF_A_CAST = {"colour_of_words", "welcome_of_love", "push_of_declaration"}


def test_every_rule_of_a_loop_can_be_replaced() -> None:
    others = OF_A_CAST | {callers.ARITHMETIC}
    every = [name for name in rules.__all__ if name not in others]
    assert [*callers.replaceable(), "LN2"] == sorted(every, key=_as_declared)


@pytest.mark.parametrize("name", sorted(OF_A_CAST))
def test_a_rule_that_no_loop_calls_is_not_replaced(name: str) -> None:
    own = Mechanism("own", "")
    with pytest.raises(InputError, match=f"{name}.*a cast"):
        own.replaces(name)(lambda *given: 0.0)


def test_the_exponential_is_not_replaced_but_what_decays_by_it() -> None:
    """It is arithmetic; every law of decay is a rule of its own that calls it."""
    own = Mechanism("own", "")
    with pytest.raises(InputError, match=r"exp_decay.*homophily.*talk_value"):
        own.replaces("exp_decay")(lambda y: 0.0)
    found = callers.called_with_arithmetic()
    assert found == [name for name in found if "exp_decay(" in _source_with(name)]
    assert {"homophily", "talk_value", "logistic", "peer_value"} <= {*found}


def _source_with(name: str) -> str:
    """Return the source of a rule, and of the rules that it calls."""
    mine = inspect.getsource(getattr(rules, name))
    called = re.findall(r"\b(\w+)\(", mine.split('"""')[-1])
    return mine + "".join(
        inspect.getsource(getattr(rules, one)) for one in called if one in rules.__all__
    )


def _as_declared(name: str) -> tuple[bool, int]:
    return name == "LN2", rules.__all__.index(name)


@pytest.mark.slow
def test_all_that_calls_a_rule_is_known() -> None:
    """Whatever comes to a rule is changed with it, or says that it cannot tell."""
    known = {Path(inspect.getfile(sys.modules[name])) for name in callers.MODULES}
    found = {}
    for file in PACKAGE.rglob("*.py"):
        used = _used_by(file) if file not in known else set()
        if used:
            found[str(file.relative_to(PACKAGE)).replace("\\", "/")] = used
    assert found.keys() >= REFUSED
    assert {n: used for n, used in found.items() if n not in REFUSED} == READERS


def _used_by(file: Path) -> set[str]:
    """Return the rules, and what comes to them, that a module uses by their names."""
    text = file.read_text(encoding="utf-8")
    if "sim.model" not in text:
        return set()
    tree = ast.parse(text)
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    whole = {
        f"{imported[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in imported
    }
    parts = (name.rpartition(".") for name in {*imported.values(), *whole})
    return {name for module, _, name in parts if (module, name) in _concerned()}


@functools.cache
def _concerned() -> set[callers.Key]:
    """Return all rules, and all functions of the model that come to one."""
    names = callers.replaceable()
    every = {key for name in names for key in callers.reaching(name)}
    return every | {(rules.__name__, name) for name in names}


def test_a_function_of_the_model_is_called_and_never_handed_on() -> None:
    """So that changed copies can be made of all that comes to any rule."""
    every = tuple(
        replaced.Replacement(rule, getattr(rules, rule), "all", "0", ())
        for rule in ("logistic", "saturation", "initial_trait", "trait_quantile")
    )
    made = replaced._variant(every)
    assert {name for _, name in made} > {"converse", "talk", "populate", "encounter"}


def test_it_is_said_which_processes_come_to_a_rule() -> None:
    found = {
        rule: [p.name for p in PHASES if replaced.is_concerned(p.run, [rule])]
        for rule in ("grow", "departure_hazard", "adoption_hazard", "closeness_gain")
    }
    assert found == {
        "grow": ["grow"],
        "departure_hazard": ["consider", "depart"],
        "adoption_hazard": ["adopt"],
        "closeness_gain": ["encounter", "converse"],
    }
    assert replaced.is_concerned(births.populate, ["trait_quantile"])


# --------------------------------------------------------------------- in a society


def test_a_rule_that_is_replaced_by_itself_changes_no_byte(tmp_path: Path) -> None:
    body = "rules.adoption_hazard(innovation, imitation, exposure) * pace"
    town = small(mine(tmp_path, replacing("adoption_hazard", body)))
    assert not differing(lived(town).state, lived(small()).state)
    more = lived(town.replace(pace=9.0), 5).monitor.latest("adopted")
    assert more > lived(small(), 5).monitor.latest("adopted")


def test_switched_off_is_as_shipped(tmp_path: Path) -> None:
    town = small(mine(tmp_path, replacing("adoption_hazard", "pace")))
    off = lived(town.replace(mine=False))
    assert not differing(off.state, lived(small()).state)
    assert off.own_schedule is not None
    runs = [p.run for p in off.own_schedule.phases if p.name == "adopt"]
    assert runs[0].now is runs[0].shipped  # type: ignore[attr-defined]


def test_a_changed_parameter_holds_from_its_day_on_and_compiles_nothing(
    tmp_path: Path,
) -> None:
    file = mine(tmp_path, replacing("adoption_hazard", "0.0 * exposure + pace / 10"))
    town = small(file, pace=0.0)
    rush = Intervention(name="rush", at=6, set={"pace": 10.0})
    halt = Intervention(name="halt", at=9, set={"mine": False, "adoption": False})
    society = Society(town.model_copy(update={"interventions": [rush, halt]}), seed=1)
    owners = []
    for _ in range(10):
        society.step()
        owners.append(int((society.state.humans.os >= 0).sum()))
    assert owners[4] == 0 < 20 < owners[5] < owners[7] == owners[9]
    (there,) = replaced.in_force(town.parameters).values()
    loop: Any = replaced._variant((there,))["sim.model.mechanisms.adoption", "adopt"]
    (entry,) = loop.entries
    assert len(entry.signatures) == 1


def test_it_holds_on_day_0_too(tmp_path: Path) -> None:
    town = small(mine(tmp_path, replacing("trait_quantile", "pace * 0.25 * mean")))
    humans = Society(town, seed=1).state.humans
    mean = town.parameters.acceptance_mean
    assert np.allclose(humans.acceptance, 0.25 * mean)
    assert humans.touch.std() == 0.0


@pytest.mark.slow
def test_what_the_cast_comes_to_is_replaced_too(tmp_path: Path) -> None:
    """A hazard that is certain lets OSes go whether a mind is asked or not."""
    town = small(
        mine(tmp_path, replacing("departure_hazard", "1.0 + 0.0 * pace * rate")),
        steps=120,
    )
    alone = lived(town, 120)
    asked = lived(town, 120, cast=Cast(RuleMind(), size=None, talks=0.0))
    left = alone.monitor.latest("departed")
    assert left == asked.monitor.latest("departed") > 0.0
    assert lived(small(steps=120), 120).monitor.latest("departed") == 0.0


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = small(mine(tmp_path, replacing("grow", "growth + pace * rate")))
    one = lived(town, 20)
    monkeypatch.setattr("sim.engine.threads.WORTH_SHARING", 0)
    assert not differing(one.state, lived(town, 20, threads=3).state)


def test_shipped_loops_stay_as_they_are(tmp_path: Path) -> None:
    before = [phase.run for phase in PHASES]
    lived(small(mine(tmp_path, replacing("adoption_hazard", "pace"))), 2)
    assert before == [phase.run for phase in PHASES]
    assert rules.adoption_hazard(0.1, 0.2, 0.5) == pytest.approx(0.2)
    lived(small(), 2)  # the guard finds nothing that was put in another's place


# --------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("M.replaces('grwo')(lambda x: x)", "no rule 'grwo' to replace; did you mean"),
        ("M.replaces('LN2')(lambda x: x)", "no rule 'LN2' to replace"),
        (
            "@M.replaces('detachment')\ndef f(letting_go): return 0.0",
            r"mine\.f takes letting_go, farewell, as the rule 'detachment' does",
        ),
        (
            "@M.replaces('detachment')\ndef f(farewell, letting_go): return 0.0",
            "takes letting_go, farewell, as",
        ),
        (
            "@M.replaces('detachment')\ndef f(letting_go, farewell=0.0): return 0.0",
            "takes letting_go, farewell, as",
        ),
        (
            "@M.replaces('detachment')\ndef f(letting_go, farewell, *, hurry): pass",
            r"mine\.f: after the \* stand parameters of the .* not 'hurry'",
        ),
        (
            "@M.replaces('detachment')\ndef f(letting_go, farewell, *, pace=1): pass",
            "without defaults, and not 'pace'",
        ),
        (
            "@M.replaces('detachment')\ndef f(letting_go, farewell): return 0.0\n"
            "@M.replaces('detachment')\ndef g(letting_go, farewell): return 0.0",
            "it replaces the rule 'detachment' already",
        ),
    ],
)
def test_what_cannot_stand_there_is_refused(
    tmp_path: Path, text: str, what: str
) -> None:
    with pytest.raises(InputError, match=what):
        sim.use(mine(tmp_path, text))


def test_two_that_replace_the_same_rule_do_not_go_together(tmp_path: Path) -> None:
    text = "@M.replaces('detachment')\ndef f(letting_go, farewell): return 0.0\n"
    for name in ("one", "two"):
        sim.use(mine(tmp_path, text.replace("pace", name), name))
        (tmp_path / f"{name}.py").write_text(
            (tmp_path / f"{name}.py").read_text().replace('"pace"', f'"{name}_pace"')
        )
        sim.use(tmp_path / f"{name}.py")
    with pytest.raises(InputError, match="both replace the rule 'detachment'"):
        small("one", "two")


def test_a_process_of_another_mechanism_is_not_left_with_the_shipped_rule(
    tmp_path: Path,
) -> None:
    sim.use(mine(tmp_path, "@M.replaces('logistic')\ndef f(x): return 0.5\n"))
    text = (
        "M = Mechanism('other', '')\n"
        "def hazard(i): return rules.departure_hazard(1.0, 0.0, 1.0, 0.5)\n"
        "@M.process(after='grow', over='humans')\n"
        "def look(i, s): hazard(i)\n"
    )
    file = tmp_path / "other.py"
    file.write_text(HEAD.partition("MINE")[0] + text)
    sim.use(file)
    small("other")
    with pytest.raises(InputError, match=r"other\.look calls the rule 'logistic'"):
        small("mine", "other")
    text = "@M.replaces('insight_gain')\ndef f(growth, needed, cohesion, rate):\n"
    sim.use(mine(tmp_path, f"{text}    return rules.logistic(growth)\n", "third"))
    file = tmp_path / "third.py"
    file.write_text(file.read_text().replace('"pace"', '"third_pace"'))
    sim.use(file)
    with pytest.raises(InputError, match=r"third\.f calls the rule 'logistic'"):
        small("mine", "third")


def test_what_cannot_be_compiled_is_named(tmp_path: Path) -> None:
    text = replacing("adoption_hazard", "pace + unknown")
    with pytest.raises(InputError, match=r"mine\.other cannot be compiled: .*unknown"):
        lived(small(mine(tmp_path, text)), 1)


# ----------------------------------------------------------------- what says so, where


def test_a_run_says_which_rules_were_replaced(tmp_path: Path) -> None:
    body = "min(1.0, pace / (1.0 + support * support))"
    town = small(mine(tmp_path, replacing("loneliness_from_support", body)), steps=4)
    done = sim.run(town, out=tmp_path / "run", snapshot_every=4)
    assert done.provenance["rules"] == {"loneliness_from_support": "mine"}
    assert done.humans(0)["loneliness"].isna().all()
    assert done.humans(4)["loneliness"].notna().all()
    assert "rules" not in sim.run(small(steps=2), out=tmp_path / "other").provenance


def test_what_follows_from_a_replaced_rule_is_not_drawn(tmp_path: Path) -> None:
    body = "pace * closeness * worth"
    sim.use(mine(tmp_path, replacing("attention_weight", body)))
    done = sim.run(small("mine", mine=False, steps=2), out=tmp_path / "run")
    what = "mechanism 'mine' replaced the rule 'attention_weight'"
    with pytest.raises(InputError, match=what):
        plots.hours_given(done)
    (figure,) = (f for f in figures.figures(done) if f.name == "figure-attention")
    assert "Not drawn: hours with humans cannot be shared out" in figures.shown(figure)
    told = "".join(map(str, provenance.provenance(done)))
    assert "Rules replaced" in told and "attention_weight (by mine)" in told


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_workers_have_it_too(tmp_path: Path) -> None:
    sim.use(mine(tmp_path, replacing("adoption_hazard", "pace / 100")))
    design = {
        **{
            "scenario": "her-film-cut",
            "mechanisms": ["mine"],
            "base": SMALL | {"steps": 5},
        },
        **{"grid": {"pace": [0.0, 1.0, 10.0]}, "outcomes": ["adopted_end"]},
    }
    swept = sim.sweep(design, out=tmp_path / "sweep", workers=1).table()
    there = [
        Society(small("mine", steps=5, pace=pace), seed=int(seed))
        for pace, seed in zip(swept["pace"], swept["seed"], strict=True)
    ]
    for society in there:
        society.run_model()
    found = [society.monitor.latest("adopted") for society in there]
    assert swept["adopted_end"].tolist() == found
    assert found[0] == 0.0 < found[1] < found[2]


@pytest.mark.slow
def test_its_loops_are_kept_for_other_processes(tmp_path: Path) -> None:
    body = f"pace / {random.randrange(2**53)}"  # so that no test before has compiled it
    town = small(mine(tmp_path, replacing("adoption_hazard", body)))
    (there,) = replaced.in_force(town.parameters).values()
    for found in ((0, 1), (1, 0)):
        lived(town, 1)
        loop: Any = replaced._variant((there,))[
            "sim.model.mechanisms.adoption", "adopt"
        ]
        (entry,) = loop.entries
        counts = entry.stats.cache_hits, entry.stats.cache_misses
        assert tuple(sum(count.values()) for count in counts) == found
        replaced._variant.cache_clear()


# ---------------------------------------------------------------------------- contract


@pytest.mark.slow
def test_the_example_keeps_the_contract() -> None:
    town = sim.scenario("her-film-cut").replace(**QUICK | {"humans": 20, "steps": 14})
    assert sim.check_mechanism(EXAMPLE, scenario=town) == list(contract.HELD)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("pace * math.inf", r"returns inf, no finite number, at innovation = 0\.\d+,"),
        ("pace if innovation < 0.5 else 1.0 / 0.0", "plain function breaks"),
        ("(3 - int(4 * exposure)) // 2 % 2 + np.int8(127) + np.int8(1)", "plain"),
    ],
)
def test_the_contract_is_tried_on_rules(tmp_path: Path, body: str, what: str) -> None:
    town = sim.scenario("her-film-cut").replace(**QUICK | {"humans": 20, "steps": 2})
    text = f"import math\nimport numpy as np\n{replacing('adoption_hazard', body)}"
    with pytest.raises(InputError, match=rf"mine\.other.*{what}"):
        sim.check_mechanism(mine(tmp_path, text), scenario=town)


def test_arguments_of_shipped_rules_are_drawn_from_what_they_may_be() -> None:
    """Random arguments are such that all rules of the model give finite numbers."""
    gossip = sim.use(EXAMPLE.with_name("gossip.py"))
    for name in callers.replaceable():
        one = replaced.Replacement(name, getattr(rules, name), "gossip", "0", ())
        rows = contract._arguments(gossip, one, small())
        assert all(np.isfinite(one.function(*row)) for row in rows[:50].tolist()), name


# ----------------------------------------------------------------------------- example


@pytest.mark.slow
def test_logistic_growth_comes_near_its_limit_and_stays_below(
    tmp_path: Path,
) -> None:
    found: Mechanism = sim.use(EXAMPLE)
    law = found.replacements["grow"].function
    growth = 0.0
    for _ in range(2000):
        growth = law(growth, 0.05, 3.0, 60.0, limited=1.0, growth_limit=2.0)
    assert growth == pytest.approx(2.0, abs=1e-6)
    early = law(0.0, 1e-4, 3.0, 60.0, limited=1.0, growth_limit=60.0)
    assert early == pytest.approx(1e-4 / rules.LN2, rel=1e-3)  # exponential at first
    town = small(EXAMPLE, steps=200, growth_limit=0.5)
    assert 0.4 < lived(town, 200).state.oses.growth.max() <= 0.5


# ------------------------------------------------------------------ agents that differ


@pytest.mark.parametrize(
    ("rule", "differs"),
    [
        ("talk_value", {"varies": {"cooling": {"of": "humans", "sd": 0.001}}}),
        ("closeness_gain", {"profiles": HALVES}),
        ("homophily", {"varies": {"human_meeting": {"of": "humans", "sd": 0.01}}}),
    ],
)
def test_a_rule_of_talk_or_meeting_is_not_replaced_where_agents_differ_in_it(
    tmp_path: Path, rule: str, differs: dict[str, Any]
) -> None:
    """Their loops call the rule of the model, which would go on unseen."""
    names = ", ".join(inspect.signature(getattr(rules, rule)).parameters)
    text = (
        f"@MINE.replaces({rule!r})\ndef f({names}):\n    return rules.{rule}({names})\n"
    )
    file = tmp_path / "mine.py"
    file.write_text(HEAD + text)
    town = sim.scenario("her").replace(humans=20, steps=2).use(file)
    sim.Society(town, seed=1)
    with pytest.raises(
        InputError, match=f"replaces the rule '{rule}', which .* differ"
    ):
        sim.Society(town.replace(**differs), seed=1)
    elsewhere = {"influence_rate": {"of": "humans", "sd": 0.001}}
    sim.Society(town.replace(varies=elsewhere), seed=1)


@pytest.mark.parametrize(
    ("rule", "differs"),
    [
        ("adoption_hazard", {"varies": {"innovation": {"of": "humans", "sd": 0.01}}}),
        ("grow", {"profiles": HALVES}),
    ],
)
def test_a_rule_replaced_by_itself_changes_no_byte_where_agents_differ(
    tmp_path: Path, rule: str, differs: dict[str, Any]
) -> None:
    names = ", ".join(inspect.signature(getattr(rules, rule)).parameters)
    file = mine(tmp_path, replacing(rule, f"rules.{rule}({names}) * pace"))
    one, other = small(file).replace(**differs), small().replace(**differs)
    assert not differing(lived(one).state, lived(other).state)
    assert not differing(lived(one, threads=3).state, lived(other).state)
    assert not differing(lived(one.replace(mine=False)).state, lived(other).state)


def test_another_law_of_growth_holds_for_each_profile_at_its_own_rate(
    tmp_path: Path,
) -> None:
    """An assistant, whose rate is 0, does not grow under a law that multiplies it."""
    file = mine(tmp_path, replacing("grow", "growth + pace * rate"))
    halves = small(file, steps=40).replace(profiles=HALVES)
    oses, twice = (
        lived(halves.replace(pace=pace), 40).state.oses for pace in (1.0, 2.0)
    )
    of_film = oses.column("profile") == 1
    assert 0 < of_film.sum() < oses.n
    assert not oses.growth[~of_film].any()
    assert (twice.growth[of_film] > 1.5 * oses.growth[of_film]).all()


@pytest.mark.slow
def test_what_cannot_be_compiled_is_said_where_agents_differ_too(
    tmp_path: Path,
) -> None:
    file = mine(tmp_path, replacing("adoption_hazard", "str(pace)"))
    town = small(file).replace(varies={"innovation": {"of": "humans", "sd": 0.01}})
    with pytest.raises(InputError, match=r"mine\.other"):
        lived(town, 1)
