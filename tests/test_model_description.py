"""MODEL.md says what the code does, and everything it rests on has a source."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import sim
from sim import events, scenarios
from sim.docs import describe
from sim.engine import ties
from sim.model import evidence, parameters, processes, rules, sockets
from sim.model.columns import FACE_COLUMNS, HUMAN_COLUMNS, OS_COLUMNS
from sim.model.mechanisms import MODULES
from sim.utils.errors import InputError

TEXT = describe.MODEL.read_text(encoding="utf-8")
# What is written by hand stands there, and on mechanisms in their files.
BY_HAND = describe.BLOCK.sub("", TEXT) + "\n\n".join(
    map(str, map(inspect.getdoc, MODULES))
)
SECTIONS = (
    "1. Purpose and patterns",
    "2. Entities, state variables and scales",
    "3. Process overview and scheduling",
    "4. Design concepts",
    "5. Initialisation",
    "6. Input data",
    "7. Submodels",
    "What the model leaves out",
    "Which parameters are free",
)
CONCEPTS = (
    "Basic principles",
    "Emergence",
    "Adaptation",
    "Objectives",
    "Learning",
    "Prediction",
    "Sensing",
    "Interaction",
    "Stochasticity",
    "Collectives",
    "Observation",
)
NO_ID = ("assumed", "the film", "switch", "definition", "lever")
# Names of formulas, not of the code: of one agent, or of two.
OF_AGENTS = re.compile(r"_(?:a|b|ab|ba)$")


def named_by_hand() -> set[str]:
    """Return the words set as code: between backticks, or on an indented line."""
    spans = re.findall(r"`([^`]+)`", BY_HAND)
    inline = [span for span in spans if not span.endswith(".py")]  # no paths
    lines = re.findall(r"^    .*$", BY_HAND, re.MULTILINE)
    return set(re.findall(r"[A-Za-z_]+", " ".join(inline + lines)))


def heading_words() -> list[str]:
    return [line.lstrip("# ") for line in TEXT.splitlines() if line.startswith("## ")]


# ------------------------------------------------------------------------ is current


def test_the_tables_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe.main([]) == 0, capsys.readouterr().out


def test_a_change_is_noticed_and_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = tmp_path / "MODEL.md"
    old.write_text(TEXT.replace("closeness that is love", "love"), encoding="utf-8")
    monkeypatch.setattr(describe, "MODEL", old)

    assert describe.main([]) == 1
    assert "+| `love` |" in capsys.readouterr().out
    assert describe.main(["--write"]) == 0
    assert old.read_text(encoding="utf-8") == TEXT
    assert describe.main([]) == 0


@pytest.mark.parametrize(
    "damaged",
    [
        TEXT.replace("<!-- generated: rules -->", ""),
        TEXT.replace("generated: rules", "generated: rulse"),
        TEXT + "\n<!-- generated: rules -->\n<!-- end: rules -->\n",
    ],
    ids=["no begin", "misspelt", "twice"],
)
def test_a_lost_place_is_named(damaged: str) -> None:
    with pytest.raises(InputError, match="rules"):
        describe.updated(damaged)


# ------------------------------------------------------------------------ is complete


def test_every_section_of_the_protocol_is_there_in_order() -> None:
    assert [words for words in heading_words() if words in SECTIONS] == list(SECTIONS)


def test_all_eleven_design_concepts_are_there_in_order() -> None:
    section = BY_HAND.split("## 4. Design concepts")[1].split("\n## ")[0]
    assert re.findall(r"^\*\*([\w ]+)\.\*\*", section, re.MULTILINE) == list(CONCEPTS)


def test_the_text_explains_every_parameter_rule_and_process() -> None:
    names = [rule.name for rule in describe.all_rules()]
    names += [phase.name for phase in processes.PHASES]
    names += list(parameters.Parameters.model_fields)
    assert not set(names) - named_by_hand()


def test_every_name_in_the_text_is_one_of_the_code() -> None:
    columns = (*HUMAN_COLUMNS, *OS_COLUMNS, *FACE_COLUMNS)
    known = {column.name for column in columns} | set(ties.TieArrays._fields)
    known |= {rule.name for rule in describe.all_rules()}
    known |= {phase.name for phase in processes.PHASES} | sockets.SOCKETS.keys()
    known |= set(parameters.Parameters.model_fields) | set(events.DETECTORS)
    named = {name for name in named_by_hand() if "_" in name}
    assert not {name for name in named if not OF_AGENTS.search(name)} - known


def test_every_parameter_has_its_group() -> None:
    groups = parameters.groups().values()
    grouped = [name for group in groups for name in group]
    assert grouped == list(parameters.Parameters.model_fields)


def test_every_column_of_a_half_edge_is_told() -> None:
    told = [column.name for column in describe.half_edge_columns()]
    assert told == list(ties.TieArrays._fields)


# ------------------------------------------------------------------------- has sources


def test_every_rule_has_a_source() -> None:
    names = [rule.name for rule in describe.all_rules()]
    assert names[:2] == ["exp_decay", "logistic"]
    assert "departure_hazard" in names
    assert all(rule.source for rule in describe.all_rules())


def test_a_rule_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(x: float) -> float:
        """Return twice x."""
        return 2.0 * x

    doubled.__module__ = rules.__name__
    monkeypatch.setattr(rules, "doubled", doubled, raising=False)
    with pytest.raises(InputError, match="'doubled' has no source"):
        describe.all_rules()
    assert describe.main([]) == 2


def test_an_empty_source_is_no_source() -> None:
    def doubled(x: float) -> float:
        """Return twice x.

        Source:
        """
        return 2.0 * x

    with pytest.raises(InputError, match="'doubled' has no source"):
        describe.read_rule(doubled)
    doubled.__doc__ = "Return twice x.\n\nSource: assumed."
    assert describe.read_rule(doubled).source == "assumed."


def test_every_parameter_cites_evidence_or_says_what_it_is() -> None:
    sources = {row["name"]: row["source"] for row in parameters.table()}
    assert not {
        name
        for name, source in sources.items()
        if not evidence.evidence_ids(source) and not any(w in source for w in NO_ID)
    }


def test_every_scenario_has_a_source() -> None:
    assert all(scenarios.load(name).sources for name in scenarios.names())


def cited_in_package() -> dict[str, set[str]]:
    """Return the ids cited, by file: all Python, all scenarios, and MODEL.md's text."""
    folder = Path(sim.__file__).parent
    files = [*folder.rglob("*.py"), *scenarios.FOLDER.glob("*.toml"), describe.MODEL]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    return {
        file.relative_to(folder).as_posix(): evidence.evidence_ids(
            describe.BLOCK.sub("", text)
        )
        for file, text in texts.items()
    }


def test_the_evidence_is_what_is_cited_no_more_and_no_less() -> None:
    rows = [row["id"] for row in evidence.read_evidence()]
    cited = cited_in_package()
    assert len(rows) == len(set(rows))
    assert set().union(*cited.values()) == set(rows)
    # The search finds them where they stand.
    assert "B04" in cited["model/mechanisms/departure.py"]
    assert "A37" in cited["model/mechanisms/adoption.py"]
    assert "A110" in cited["scenarios/library/her.toml"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("A29-A31; Bass form B01, faster than A101", ["A29", "A30", "A31", "A101"]),
        ("A62, A92: 0.7 to 2.4", ["A62", "A92"]),
        ("A0 hours, 0xBF58, GA100", []),
    ],
)
def test_ids_are_found_in_a_text(text: str, ids: list[str]) -> None:
    assert evidence.evidence_ids(text) - {"B01"} == set(ids)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("A97, A98", "evidence"),
        ("A109; size assumed", "partly"),
        ("the film; size assumed", "partly"),
        ("the film: 0", "film"),
        ("assumed", "assumed"),
        ("switch", "switch"),
        ("lever; A59, A61; form assumed", "lever"),
        ("profile; size assumed", "lever"),
    ],
)
def test_sources_are_told_apart(source: str, kind: str) -> None:
    assert evidence.kind_of_source(source) == kind


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "on"), (1000, "1,000"), (0.00005, "0.00005"), (-5.0, "-5"), (0.3, "0.3")],
)
def test_numbers_are_shown_plainly(value: float, shown: str) -> None:
    assert describe.number(value) == shown
