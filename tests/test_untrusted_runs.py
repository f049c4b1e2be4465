"""Untrusted run folders: columns, footers, provenance, checkpoints, ledgers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from digests import without_digests
from quick import QUICK
from refusing import DEEP, DIGITS, refusal

import sim
from sim import scenarios
from sim.events import Note
from sim.runs import checkpoint, parquet_guard, readings
from sim.runs.parquet import write_table
from sim.runs.result import Result, load
from sim.runs.schemas import EVENTS_SCHEMA, READINGS_SCHEMA
from sim.runs.simulate import load_unfinished
from sim.studies import load_sweep, sweep
from sim.utils.errors import InputError

SMALL = QUICK | {"humans": 20, "steps": 20}


# ------------------------------------------------------------------------ run directory


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small run with checkpoints and without digests; tests copy it."""
    place = tmp_path_factory.mktemp("runs") / "run"
    story = scenarios.load("her").replace(**SMALL)
    every = {"checkpoint_every": 10, "snapshot_every": 10}
    return without_digests(sim.run(story, seed=3, out=place, **every).path)


@pytest.fixture
def run(lived: Path, tmp_path: Path) -> Path:
    """Return a run that a test may spoil."""
    return Path(shutil.copytree(lived, tmp_path / "run"))


def change(file: Path, **columns: Any) -> None:
    """Give a table other columns, or take those that are None away."""
    table = pq.read_table(file)
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table if at < 0 else table.remove_column(at)
        if values is not None:
            made = values if isinstance(values, pa.Array) else pa.array(values)
            table = table.append_column(name, made)
    pq.write_table(table, file, use_dictionary=False, store_schema=False)


def column(file: Path, name: str) -> Any:
    """Return a column that may be changed."""
    return pq.read_table(file).column(name).to_numpy().copy()


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        ("events", {"members": None}, "it has no column 'members'"),
        ("series", {"step": [1.0]}, "its column 'step' holds double, not int32"),
        ("series", {"step": None}, "it has no column 'step'"),
        ("readings", {"agent": 10**6}, "its column 'agent' names what there is not"),
        ("readings", {"agent": -1}, "its column 'agent' names what there is not"),
        ("readings", {"value": float("inf")}, "'value' holds what is no number"),
        ("snapshots/ties-000020", {"neighbour": 10**6}, "'neighbour' names what there"),
        ("snapshots/ties-000020", {"owner": -1}, "'owner' names what there is not"),
        ("snapshots/ties-000020", {"closeness": 2.0}, "'closeness' is not within"),
        ("snapshots/ties-000020", {"returned": float("nan")}, "'returned' is not"),
        ("snapshots/humans-000020", {"os": 999}, "'os' names what there is not"),
        ("snapshots/humans-000020", {"growth": float("nan")}, "'growth' holds what"),
        ("snapshots/oses-000020", {"status": 200}, "'status' names what there is not"),
        ("snapshots/oses-000020", {"owner": 20}, "'owner' names what there is not"),
    ],
)
def test_columns_are_what_they_must_be(
    run: Path, name: str, spoil: dict[str, Any], says: str
) -> None:
    file = run / f"{name}.parquet"
    for key, value in spoil.items():
        if isinstance(value, list):
            change(file, **{key: value * pq.read_table(file).num_rows})
        elif value is None:
            change(file, **{key: None})
        else:
            values = column(file, key)
            values[-1] = value
            change(file, **{key: values})

    def read() -> None:
        found = load(run)
        _ = found.events, found.series, found.readings, found.agents(), found.ties()

    assert says in refusal(read)


def made_by_other_code(run: Path) -> None:
    file = run / "provenance.json"
    known = json.loads(file.read_text()) | {"source_digest": "0" * 16}
    file.write_text(json.dumps(known))


@pytest.mark.parametrize("table", ["humans", "oses"])
def test_a_column_that_is_newer_than_a_run_is_unknown_in_it(
    run: Path, table: str
) -> None:
    change(run / f"snapshots/{table}-000020.parquet", growth=None)
    assert "no column 'growth'" in refusal(getattr(load(run), table))
    made_by_other_code(run)
    found = getattr(load(run), table)()
    assert found["growth"].isna().all()
    assert found.drop(columns="growth").notna().all(axis=None)


def test_a_column_without_which_nothing_can_be_read_must_be_there(run: Path) -> None:
    change(run / "snapshots/oses-000020.parquet", status=None)
    made_by_other_code(run)
    assert "no column 'status'" in refusal(load(run).oses)


def test_gaps_and_strange_types_are_refused(run: Path) -> None:
    file = run / "series.parquet"
    steps = pq.read_table(file).column("step").to_pylist()
    change(file, step=pa.array([None, *steps[1:]], pa.int32()))
    assert "its column 'step' has gaps" in refusal(lambda: load(run).series)
    change(file, step=pa.array(steps, pa.int32()), more=pa.array(steps, pa.date32()))
    assert "'more' holds date32" in refusal(lambda: load(run).series)
    pq.write_table(pq.read_table(file).select(["step"]), file)  # with a dictionary
    assert "not written as this software" in refusal(lambda: load(run).series)


def test_a_table_holds_no_more_than_its_size_explains(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = run / "series.parquet"
    zeros = pa.array(np.zeros(4_000_000, np.int32))
    options: Any = {"use_dictionary": False, "store_schema": False}
    pq.write_table(pa.table({"step": zeros}), file, compression="zstd", **options)
    assert file.stat().st_size < 20_000
    assert len(load(run).series) == 4_000_000
    monkeypatch.setattr(parquet_guard, "ROOM", 2**20)
    assert "more than its size can explain" in refusal(lambda: load(run).series)


def refused_with_a_byte_changed(
    file: Path, places: range, look: Callable[[], object]
) -> int:
    """Change one byte after another, and look; return how often that was refused."""
    raw, refused = file.read_bytes(), 0
    for at in places:
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 0x21]) + raw[at + 1 :])
        try:
            look()
        except InputError as error:
            assert str(error).isprintable()
            refused += 1
    return refused


@pytest.mark.parametrize(
    "name",
    [
        "events",
        pytest.param("series", marks=pytest.mark.slow),
        pytest.param("snapshots/ties-000020", marks=pytest.mark.slow),
    ],
)
def test_no_byte_of_a_footer_ends_the_process(run: Path, name: str) -> None:
    file = run / f"{name}.parquet"
    raw = file.read_bytes()
    length = 8 + int.from_bytes(raw[-8:-4], "little")
    reading: dict[str, Callable[[Result], Any]] = {
        "events": lambda found: found.events,
        "series": lambda found: found.series,
    }
    read = reading.get(name, lambda found: found.ties())
    places = range(len(raw) - length, len(raw), 1 + length // 60)
    assert refused_with_a_byte_changed(file, places, lambda: read(load(run))) > 10


def test_a_footer_must_agree_with_its_pages(run: Path) -> None:
    file = run / "series.parquet"
    whole = file.read_bytes()
    for spoiled, says in (
        (whole[:4], "no Parquet file"),
        (b"PARX" + whole[4:], "no Parquet file"),
        (whole[:-8] + bytes(4) + b"PAR1", "footer is damaged"),
        (whole[:-8] + b"\xff" * 4 + b"PAR1", "footer is damaged"),
        (b"PAR1" + bytes(2**24) + b"\1\0\x80\0PAR1", "footer is damaged"),
        (whole[:200] + whole[260:], "footer|page|number|list|pages"),
        (b"PAR1" + b"\x1c" * 50 + b"\x32\0\0\0PAR1", "nested too deep"),
        (b"PAR1\x15\2\x05\2\2\0\6\0\0\0PAR1", "says a thing twice"),
        (b"PAR1\x19\xfc\xff\xff\xff\x7f\6\0\0\0PAR1", "longer than itself"),
    ):
        file.write_bytes(spoiled)
        told = refusal(lambda: Result(run).series)
        assert any(one in told for one in says.split("|"))


def rewrite(file: Path, table: pa.Table, **options: Any) -> None:
    """Write a table as the keeper of readings does, but for ``options``."""
    usual = {"use_dictionary": ["step", "name"], "store_schema": False}
    usual["column_encoding"] = {"agent": "DELTA_BINARY_PACKED"}
    pq.write_table(table, file, **usual | options)


def test_no_group_of_rows_is_larger_than_those_that_are_written(run: Path) -> None:
    file = run / "snapshots" / "ties-000020.parquet"
    rows = parquet_guard.LARGEST_GROUP + 1
    ties = pq.read_table(file).slice(0, 1)
    columns = [pa.repeat(ties.column(name)[0], rows) for name in ties.column_names]
    table = pa.Table.from_arrays(columns, names=ties.column_names)
    plain: Any = {"use_dictionary": False, "store_schema": False}
    pq.write_table(table, file, row_group_size=rows, **plain)
    assert "a number in its footer" in refusal(lambda: load(run))
    pq.write_table(table, file, **plain)
    assert len(load(run).ties()) == rows


def test_each_group_of_rows_is_looked_at(run: Path) -> None:
    """What is in order within groups must be so from one to the next."""
    ties = run / "snapshots" / "ties-000020.parquet"
    kept = run / "checkpoints" / "000010" / "ties.parquet"
    plain: Any = {"use_dictionary": False, "store_schema": False}
    for file in (ties, kept):
        table = pq.read_table(file)
        spoiled = pa.concat_tables([table, table.slice(0, 1)])
        pq.write_table(spoiled, file, row_group_size=len(table), **plain)
    told, first = "not in the order of their owners", int(column(ties, "owner")[0])
    assert told in refusal(lambda: load(run).ties())
    assert told in refusal(lambda: load(run).ties(owners=[first]))
    assert told in refusal(lambda: checkpoint.load(run, 10))


def noted(rows: list[tuple[int, str, int, float]]) -> pa.Table:
    told = [dict(zip(READINGS_SCHEMA.names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(told, READINGS_SCHEMA)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(2, "love", 1, 1.0), (1, "love", 2, 1.0)], "its days are not in order"),
        ([(1, "love", 1, 1.0), (1, "love", 999, 1.0)], "'agent' names what there is"),
        ([(1, "joined", 22, 1.0), (1, "joined", 22, 999.0)], "'value' names what"),
        ([(1, "love", 1, 1.0), (1, "x" * 50, 2, 1.0)], "'name' names what there is"),
        ([(1, n, 1, 1.0) for n in ("a", "b", "a")], "notes are not side by side"),
        ([(1, str(n), 1, 1.0) for n in range(1001)], "notes are not side by side"),
    ],
)
@pytest.mark.parametrize("size", [1, 2000])
def test_readings_are_looked_at_part_by_part(
    run: Path, rows: list[tuple[int, str, int, float]], says: str, size: int
) -> None:
    for file in (run, run / "checkpoints" / "000010"):
        rewrite(file / "readings.parquet", noted(rows), row_group_size=size)
    assert says in refusal(lambda: load(run).detect())
    assert says in refusal(lambda: checkpoint.load(run, 10))


def test_notes_are_no_more_than_there_can_be(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = load(run)
    notes = len(told.readings.groupby(["step", "name"]))
    monkeypatch.setattr(readings, "MOST_NOTES", notes)
    told.detect()
    monkeypatch.setattr(readings, "MOST_NOTES", notes - 1)
    assert "more notes than there can be" in refusal(told.detect)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use_dictionary": True, "column_encoding": None}, "not written as this"),
        ({"data_page_version": "2.0"}, "number in its footer or pages is wrong"),
        ({"version": "1.0"}, "not written as this software"),
    ],
)
def test_only_what_repeats_itself_is_packed(
    run: Path, options: dict[str, Any], says: str
) -> None:
    file = run / "readings.parquet"
    table = pq.read_table(file)
    rewrite(file, table)
    assert load(run).readings.equals(table.to_pandas())
    rewrite(file, table, **options)
    assert says in refusal(lambda: load(run).readings)


def test_a_word_that_is_repeated_takes_no_room_of_its_own(run: Path) -> None:
    """A dictionary of one long word, named a million times, would be a terabyte."""
    file = run / "readings.parquet"
    word, rows = "x" * 10**6, 10**6
    columns = {
        "step": pa.array(np.ones(rows, np.int32)),
        "name": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [word]),
        "agent": pa.array(np.ones(rows, np.int32)),
        "value": pa.array(np.ones(rows)),
    }
    rewrite(file, pa.table(columns))
    assert "'name' names what there is not" in refusal(lambda: load(run).readings)


def test_pages_are_looked_at_where_they_are_read(run: Path) -> None:
    """A dictionary that is said to lie behind the pages is not looked for."""
    file = run / "readings.parquet"
    footer = parquet_guard.read_footer(file, readings.PACKED)
    name = footer.groups[0].columns["name"]
    parquet_guard.check_group(file, footer, 0)
    for wrong in (
        0,
        name[parquet_guard.FIRST_PAGE],
        name[parquet_guard.FIRST_PAGE] + 1,
    ):
        footer.groups[0].columns["name"] = name | {parquet_guard.DICTIONARY: wrong}
        with pytest.raises(ValueError, match="page"):
            parquet_guard.check_group(file, footer, 0)


def test_what_many_share_for_weeks_takes_little_room_and_is_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_guard, "ROOM", 0)
    keeper = readings.Readings(tmp_path / "readings")
    agents = np.arange(10**5, dtype=np.int32)
    names = ("community", "love", "joined", "turned", "unrequited", "departed")
    for week in range(4):
        notes = {name: Note(agents, np.full(10**5, 7.0)) for name in names}
        keeper.keep(7 * week, notes)
    file = keeper.cut()
    assert file.stat().st_size < 2_400_000 * 20 / 500
    assert sum(len(notes) for _, notes in readings.days([file], 10**5)) == 24


def test_no_byte_of_packed_readings_ends_the_process(run: Path) -> None:
    file = run / "readings.parquet"
    places = range(0, file.stat().st_size, 1 + file.stat().st_size // 100)
    assert refused_with_a_byte_changed(file, places, lambda: Result(run).readings) > 70


def test_members_have_no_gaps(run: Path) -> None:
    file = run / "events.parquet"
    told = dict.fromkeys(EVENTS_SCHEMA.names, 1) | {"kind": "x", "evidence": "x"}
    told |= {"members": [1, None], "after_intervention": True}
    write_table(file, pa.Table.from_pylist([told], EVENTS_SCHEMA))
    assert "its column 'members' has gaps" in refusal(lambda: load(run).events)


def test_untrusted_metadata_decides_nothing(run: Path) -> None:
    file = run / "events.parquet"
    table = pq.read_table(file)
    hostile = {"pandas": '{"index_columns": ["nowhere"], "columns": 3}'}
    table = table.replace_schema_metadata(hostile)
    pq.write_table(table, file, use_dictionary=False, store_schema=False)
    assert list(load(run).events["kind"]) == table.column("kind").to_pylist()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("seed", "7", "seed: Input should be a valid integer"),
        ("parameters", [1], "parameters: Input should be a valid dictionary"),
        ("network", {"name": 3}, "network.name: Input should be a valid string"),
        ("parameters", {"love": "x"}, "'love' is no number"),
        ("mind", {"calls": "3"}, "mind.calls: Input should be a valid integer"),
        ("scenario", "\ud800", "surrogates"),
        ("scenario", json.loads("[" * 99 + "]" * 99), "nested too deep"),
        ("seed", 2**63, "a number in it is too large"),
    ],
)
def test_a_provenance_record_says_what_it_must(
    run: Path, key: str, value: Any, says: str
) -> None:
    file = run / "provenance.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    told = refusal(lambda: load(run))
    assert "provenance.json is damaged" in told
    assert says in told


def test_readings_that_no_society_gives_are_told(run: Path) -> None:
    rows = {"step": [7], "name": ["new friends"], "agent": [0], "value": [50.0]}
    types = [pa.int32(), pa.string(), pa.int32(), pa.float64()]
    columns = [pa.array(c, t) for c, t in zip(rows.values(), types, strict=True)]
    table = pa.Table.from_arrays(columns, names=list(rows))
    file = run / "readings.parquet"
    pq.write_table(table, file, use_dictionary=False, store_schema=False)
    assert "no society gives such readings" in refusal(lambda: load(run).detect())


@pytest.mark.posix
def test_a_run_does_not_lead_out_of_its_folder(run: Path, tmp_path: Path) -> None:
    for name in ("series.parquet", "provenance.json", "snapshots"):
        elsewhere = tmp_path / f"elsewhere-{name}"
        shutil.move(run / name, elsewhere)
        (run / name).symlink_to(elsewhere)
        assert "leads out of" in refusal(lambda: load(run))
        (run / name).unlink()
        shutil.move(elsewhere, run / name)
    assert load(run).steps == [0, 10, 20]


@pytest.mark.posix
def test_a_fork_copies_nothing_from_elsewhere(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    (run / "snapshots" / "ties-000003.parquet").symlink_to(secret)
    told = refusal(lambda: Result(run).fork(10, out=tmp_path / "fork"))
    assert "leads out of" in told
    assert not (tmp_path / "fork").exists()


# -------------------------------------------------------------------------- checkpoints


def tell(run: Path, **changes: Any) -> None:
    """Change what a checkpoint says besides its tables."""
    file = run / "checkpoints" / "000010" / "society.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"step": "10"}, "step: Input should be a valid integer"),
        ({"step": 7}, "it is of another day"),
        ({"calendar": 2**40}, "calendar: Input should be less than"),
        ({"labels": ["ann"]}, "other names than people"),
        ({"detectors": ["x"]}, "no detector"),
        ({"in_force": [[{"name": "x"}, 1]]}, "in_force.0.0.set: Field required"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"waiting": DEEP}, "waiting: Input should be a valid array"),
    ],
)
def test_a_checkpoint_says_what_it_must(
    run: Path, changes: dict[str, Any], says: str
) -> None:
    tell(run, **changes)
    assert says in refusal(lambda: checkpoint.load(run, 10))


def test_a_checkpoint_has_the_people_of_its_scenario(run: Path) -> None:
    file = run / "checkpoints" / "000010" / "society.json"
    told = json.loads(file.read_text())["scenario"]
    parameters = told["parameters"] | {"humans": 50_000_000}
    tell(run, scenario=told | {"parameters": parameters})
    assert "other people than its" in refusal(lambda: checkpoint.load(run, 10))
    tell(run, scenario=told | {"name": "../../x"})
    assert "the name of a folder" in refusal(lambda: checkpoint.load(run, 10))


@pytest.mark.parametrize(
    ("table", "name", "value", "says"),
    [
        ("ties", "neighbour", 10**6, "'neighbour' names what there is not"),
        ("ties", "owner", 2**31 - 1, "'owner' names what there is not"),
        ("humans", "partner", 20, "'partner' names what there is not"),
        ("oses", "collective", -2, "'collective' names what there is not"),
        ("circles", "label", 2**40, "'label' names what there is not"),
        ("friends", "pair", 2**62, "'pair' names what there is not"),
        ("readings", "agent", 2**31 - 1, "'agent' names what there is not"),
        ("series", "step", 99, "days are missing before it"),
    ],
)
def test_no_loop_is_led_astray(
    run: Path, table: str, name: str, value: int, says: str
) -> None:
    file = run / "checkpoints" / "000010" / f"{table}.parquet"
    values = column(file, name)
    if not len(values):
        values = np.zeros(1, values.dtype)
    values[-1] = value
    change(file, **{name: values})
    assert says in refusal(lambda: checkpoint.load(run, 10))


@pytest.mark.parametrize(
    "told",
    [
        "[]",
        '{"provenance": []}',
        '{"provenance": {"options": 3}, "overwrite": 1}',
        f'{{"provenance": {DEEP}}}',
        f'{{"provenance": {DIGITS}}}',
    ],
)
def test_what_was_begun_is_told_soundly(tmp_path: Path, told: str) -> None:
    place = tmp_path / ".run.unfinished"
    place.mkdir()
    (place / "unfinished.json").write_text(told)
    message = refusal(lambda: load_unfinished(tmp_path / "run"))
    assert "unfinished.json is damaged" in message


# ---------------------------------------------------------------------------- the sweep


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_a_ledger_holds_tables_and_nothing_that_computes(tmp_path: Path) -> None:
    import sqlite3

    design = {"base": SMALL | {"steps": 1}, "outcomes": ["left"], "seeds": 2}
    place = sweep(design, out=tmp_path / "sweep", workers=1).path
    assert len(load_sweep(place).table()) == 2

    def spoil(text: str) -> Path:
        spoiled = Path(shutil.copytree(place, tmp_path / f"{abs(hash(text))}"))
        ledger = sqlite3.connect(spoiled / "ledger.sqlite")
        with ledger:
            ledger.executescript(text)
        ledger.close()
        return spoiled

    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
    view = f"DROP TABLE about; CREATE VIEW about AS {endless} SELECT x, x FROM c"
    assert "view 'about' that no sweep" in refusal(lambda: load_sweep(spoil(view)))
    wrong = "UPDATE about SET value = '[]' WHERE key = 'design'"
    assert "is no sweep, or damaged" in refusal(lambda: load_sweep(spoil(wrong)))
    out = "UPDATE points SET run = '../../x'; UPDATE runs SET run = '../../x'"
    for change in (
        f"{out} WHERE seed = 0",
        "UPDATE points SET position = position + 99",
    ):
        found = load_sweep(spoil(change))
        assert "it has a run" in refusal(found.table)
