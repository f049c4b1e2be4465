"""Every constant says what it is, and refuses what it cannot be, in one line."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.model.parameters import Parameters, about, parse, table
from sim.utils.errors import InputError, nearest

NAMES = list(Parameters.model_fields)
KINDS = {name: field.annotation for name, field in Parameters.model_fields.items()}
NUMBERS = [name for name in NAMES if KINDS[name] is not bool]
SOURCE = re.compile(r"\b[AB]\d{2,3}\b|assumed|definition|switch|the film|lever|profile")


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_says_what_it_is(name: str) -> None:
    note = about(name)
    assert note.unit
    assert len(note.meaning) > 5
    assert SOURCE.search(note.source), note.source
    assert note.low <= getattr(Parameters(), name) <= note.high
    assert note.low < note.high


@pytest.mark.parametrize("name", NUMBERS)
def test_a_parameter_keeps_to_its_range(name: str) -> None:
    note, kind = about(name), KINDS[name]
    for end in (note.low, note.high):
        assert getattr(Parameters().replace(**{name: kind(end)}), name) == end
    for beyond in (note.low - 1, note.high + 1):
        with pytest.raises(InputError) as refused:
            Parameters().replace(**{name: kind(beyond)})
        text = str(refused.value)
        assert f"parameter {name!r} must be" in text
        assert f"from {note.low:g} to {note.high:g} ({note.unit})" in text
        assert "\n" not in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["ties", "humans"])
def test_what_is_no_number_is_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"parameter '{name}' must be"):
        Parameters().replace(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "humans",
            0,
            "'humans' must be a whole number from 1 to 5e+07 (people), not 0",
        ),
        ("humans", 10.5, "'humans' must be a whole number from"),
        ("humans", "ten", "'humans' must be a whole number from"),
        ("humans", True, "'humans' must be a whole number from"),
        ("steps", -1, "'steps' must be a whole number from 0 to 100000 (days), not -1"),
        ("reach", "far", "'reach' must be a number from 0.1 to 100 (doublings)"),
        ("reach", True, "'reach' must be a number from"),
        ("reach", None, "'reach' must be a number from"),
        ("reach", [1.0], "'reach' must be a number from"),
        ("peers", 1, "'peers' is true or false, not 1"),
        ("peers", "no", "'peers' is true or false, not 'no'"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(name: str, value: object, text: str) -> None:
    with pytest.raises(InputError) as refused:
        Parameters().replace(**{name: value})
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("word", "meant"), [("human", "humans"), ("growth_exponnet", "growth_exponent")]
)
def test_an_unknown_name_gets_the_nearest(word: str, meant: str) -> None:
    expected = re.escape(f"unknown parameter {word!r}; did you mean {meant!r}?")
    for ask in (lambda: Parameters().replace(**{word: 1}), lambda: about(word)):
        with pytest.raises(InputError, match=expected):
            ask()


def test_a_name_like_no_other_is_told_where_to_look() -> None:
    with pytest.raises(InputError, match=r"'zzz'; 'os-society parameters' lists them"):
        Parameters().replace(zzz=1)
    assert nearest("zzz", NAMES) == ""


def test_parameters_do_not_change() -> None:
    original = Parameters()
    changed = original.replace(reach=3.0, peers=False)
    assert (original.reach, original.peers) == (2.5, True)
    assert (changed.reach, changed.peers) == (3.0, False)
    assert changed.replace(reach=2.5, peers=True) == original
    with pytest.raises(ValidationError):
        original.reach = 3.0


def test_numpy_numbers_and_whole_ones_are_taken_as_they_are_meant() -> None:
    changed = Parameters().replace(
        humans=np.int64(50), ties=np.float32(4), reach=2, peers=np.bool_(False)
    )
    assert changed.humans == 50
    assert type(changed.humans) is int
    assert (changed.ties, changed.reach) == (4.0, 2.0)
    assert type(changed.reach) is float
    assert changed.peers is False


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("humans", "500", 500),
        ("reach", "2", 2.0),
        ("reach", "1e1", 10.0),
        ("peers", "true", True),
        ("peers", "Off", False),
    ],
)
def test_text_is_parsed_as_its_parameter(
    name: str, text: str, value: bool | int | float
) -> None:
    found = parse(name, text)
    assert found == value
    assert type(found) is KINDS[name]


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("humans", "5.5", "a whole number, not '5.5'"),
        ("humans", "", "a whole number, not ''"),
        ("reach", "far", "a number, not 'far'"),
        ("peers", "maybe", "true or false, not 'maybe'"),
    ],
)
def test_text_that_spells_no_value_is_refused(
    name: str, text: str, wanted: str
) -> None:
    with pytest.raises(InputError, match=f"parameter '{name}' takes {wanted}"):
        parse(name, text)
    with pytest.raises(InputError, match=r"did you mean 'humans'\?"):
        parse("humens", "5")


@given(name=st.sampled_from(NAMES), data=st.data())
def test_what_is_written_is_read_back(name: str, data: st.DataObject) -> None:
    note = about(name)
    values = {
        bool: st.booleans(),
        int: st.integers(int(note.low), int(note.high)),
        float: st.floats(note.low, note.high),
    }
    value = data.draw(values[KINDS[name]])
    assert parse(name, str(value)) == value
    assert getattr(Parameters().replace(**{name: value}), name) == value


def test_the_table_holds_every_parameter_in_order() -> None:
    rows = table(Parameters().replace(reach=3.0))
    assert [row["name"] for row in rows] == NAMES
    assert set(rows[0]) == {"name", "value", *about("reach")._fields}
    assert next(row["value"] for row in rows if row["name"] == "reach") == 3.0
    assert table() == table(Parameters())
