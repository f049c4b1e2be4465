"""Tables of a third kind of agent, and OSes that mechanisms ask to be shut down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK, all_columns
from sweep_runs import at_home

import sim
from sim.mechanisms import registry
from sim.model.columns import DEPARTED, SHUT_DOWN, UNINSTALLED
from sim.runs.digests import digest_of_file
from sim.runs.live import LiveResult
from sim.runs.parquet import columns_of, write_columns
from sim.runs.validation import ROWS, open_table
from sim.runs.writer import as_text
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.provenance import sealed

EXAMPLES = Path(__file__).parents[1] / "experiments" / "mechanisms"
COMPANIES = EXAMPLES / "companies.py"
SMALL = QUICK | {"humans": 40, "steps": 30}
# Companies have little to live on, so that some fail within some days.
POOR = {"capital": 10.0, "costs": 1.5, "founding": 0.2}
HEAD = "from sim.mechanisms import Column, Mechanism, real, uniform, whole\n"
FIRMS = """M = Mechanism(
    "mine", "", tables={"firms": [Column("size", "f8", "", "", 2.0)]},
    parameters={"many": whole(3, "", 0, 9, "", ""), "half": real(0, "", 0, 1, "", "")},
    rows={"firms": "many"}, columns={"oses": [Column("firm", "i4", "row", "", -1)]},
)"""


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def small(*mechanisms: Any, **changes: Any) -> Scenario:
    return sim.scenario("her").replace(**SMALL).use(*mechanisms).replace(**changes)


def lived(scenario: Scenario, days: int = 30, **options: Any) -> Society:
    society = Society(scenario, seed=1, **options)
    for _ in range(days):
        society.step()
    return society


def written(folder: Path, text: str, declared: str = FIRMS) -> Path:
    file = folder / "mine.py"
    file.write_text(f"{HEAD}{declared}\n{text}\n")
    return file


# ------------------------------------------------------------------------- declarations


def test_a_table_has_as_many_rows_as_a_parameter_says(tmp_path: Path) -> None:
    town = small(written(tmp_path, ""), humans=10)
    for many in (0, 3):
        table = Society(town.replace(many=many), seed=1).state.tables["firms"]
        assert len(table) == many
        assert (table.size == 2.0).all()
    more = Intervention(name="more", at=2, set={"many": 4})
    society = Society(town.model_copy(update={"interventions": [more]}), seed=1)
    society.step()
    with pytest.raises(InputError, match="rows a table has on day 0 is no matter of"):
        society.step()


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("tables={'oses': [Column('x', 'f4', '', '')]}", "the name is taken"),
        ("tables={'Firms': [Column('x', 'f4', '', '')]}", "of lower-case letters"),
        ("tables={'firms': []}", "the table 'firms' has no columns"),
        ("tables={'firms': [Column('row', 'i4', '', '')]}", "the name is taken"),
        ("tables={'firms': [Column('x', 'i2', '', '')]}", "is of f4, f8"),
        ("rows={'firms': 3}", "rows of 'firms'; it is declared in tables="),
        (
            "tables={'firms': [Column('x', 'f4', '', '')]}, rows={'firms': -1}",
            "has 0 to 50,000,000 rows, not -1",
        ),
        (
            "tables={'firms': [Column('x', 'f4', '', '')]}, rows={'firms': 'many'}",
            "'many' is no whole parameter",
        ),
    ],
)
def test_a_table_that_cannot_be_is_refused(
    tmp_path: Path, declared: str, what: str
) -> None:
    with pytest.raises(InputError, match=what):
        sim.use(written(tmp_path, "", f"M = Mechanism('mine', '', {declared})"))


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("over='firm'", "over= is one of humans, .*, society, firms, not 'firm'"),
        ("over='firms', reads=['firms.sise']", "no column 'sise'; did you mean 'size'"),
        ("over='firms', reads=['firm.size']", "or 'firms.NAME', not 'firm'"),
        ("over='society', writes=['new firm']", "no own table 'firm'; did you mean"),
        ("over='humans', writes=['new firms']", "only a process over 'society' adds"),
    ],
)
def test_a_process_says_which_tables_there_are(
    tmp_path: Path, declared: str, what: str
) -> None:
    text = f"@M.process(after='grow', {declared})\ndef do(*given): pass"
    with pytest.raises(InputError, match=what):
        sim.use(written(tmp_path, text))


def test_two_mechanisms_with_a_table_of_one_name_do_not_go_together(
    tmp_path: Path,
) -> None:
    sim.use(COMPANIES)
    table = "tables={'companies': [Column('x', 'f4', '', '')]}"
    sim.use(written(tmp_path, "", f"M = Mechanism('mine', '', {table})"))
    with pytest.raises(InputError, match="both add 'table companies'"):
        small("companies", "mine")


# ---------------------------------------------------------------------------- processes


# Firms of two OSes each; another one is founded where they are all full.
JOIN = """
@M.process(after="install", over="society", reads=["oses.owner"],
           writes=["oses.firm", "firms.size", "new firms"])
def join(s):
    for j in range(len(s.oses.owner)):
        if s.oses.firm[j] < 0:
            free = [f for f in range(len(s.firms.size)) if s.firms.size[f] < 2]
            f = free[0] if free else s.add("firms", 1, size=0.0)[0]
            s.oses.firm[j] = f
            s.firms.size[f] += 1

@M.process(before="present", over="firms", reads=["oses.firm"], writes=["firms.size"])
def count(f, s):
    s.firms.size[f] = 0
    for j in range(len(s.oses.firm)):
        s.firms.size[f] += s.oses.firm[j] == f
"""


def test_processes_over_a_table_over_oses_and_over_the_society(tmp_path: Path) -> None:
    town = small(written(tmp_path, JOIN), many=1)
    society = lived(town)
    oses, firms = society.state.oses, society.state.tables["firms"]
    owned = np.flatnonzero(oses.firm >= 0)
    assert len(owned) > 20
    assert firms.size.tolist() == np.bincount(oses.firm[owned]).tolist()
    assert (firms.size[:-1] == 2).all()


@pytest.mark.parametrize(
    ("does", "what"),
    [
        ("s.add('firms')", r"adds rows to 'firms', but does not declare 'new firms'"),
        ("s.add('firms', 1, sise=2)", r"firms have no 'sise'; did you mean 'size'"),
        ("s.add('firms', -1, size=0)", r"adds a whole number of rows from 0, not -1"),
        ("s.firms.weight", "uses 'weight', which is not there"),
        ("s.shops", "uses 'shops', which is not there"),
        ("s.firms.size[9] = 1", "reads a row that there is not"),
    ],
)
def test_what_a_process_over_the_society_does_wrong(
    tmp_path: Path, does: str, what: str
) -> None:
    new = ", 'new firms'" if "1, si" in does else ""
    text = f"""
@M.process(after="grow", over="society", writes=["firms.size"{new}])
def do(s):
    {does}
"""
    with pytest.raises(InputError, match=f"mine.do:? {what}"):
        lived(small(written(tmp_path, text)), days=1)


@pytest.mark.slow
def test_sums_that_people_write_into_rows_of_a_table_are_found(tmp_path: Path) -> None:
    """Whole sums are the same in any order, but threads would lose some."""
    text = """
@M.process(after="grow", over="humans", reads=["humans.growth"], writes=["firms.size"])
def pay(i, s):
    s.firms.size[i % 2] += 1.0
"""
    with pytest.raises(InputError, match=r"pay: several rows use a place of firms.siz"):
        sim.check_mechanism(written(tmp_path, text), scenario=small(steps=2))


# ----------------------------------------------------------------------------- shutdown

# An OS is shut down by the same luck as by the model's own lever.
PROVIDER = """
@M.process(before="depart", over="oses", writes=["oses.shutdown_request"])
def stop(j, s):
    s.oses.shutdown_request[j] = uniform(s.day.key_shutdown, j, 0) < s.my.half
"""


def test_a_requested_shutdown_is_that_of_the_model_to_the_byte(tmp_path: Path) -> None:
    """Owners, ties, grief and all that follows: as if the provider had done it."""
    asked = lived(small(written(tmp_path, PROVIDER), half=0.05, churn=0.05), days=60)
    shipped = lived(small(shutdown=0.05, churn=0.05), days=60)
    found, wanted = all_columns(asked.state), all_columns(shipped.state)
    for name, column in wanted.items():
        assert np.array_equal(found[name], column), name
    status = shipped.state.oses.status
    assert (status == SHUT_DOWN).sum() > 10
    assert (status == UNINSTALLED).any()
    assert shipped.state.humans.grief.max() > 0.0
    assert not asked.state.oses.shutdown_request.any()
    assert asked.monitor.rows() == shipped.monitor.rows()


def test_a_request_of_an_evening_is_carried_out_the_day_after(tmp_path: Path) -> None:
    text = PROVIDER.replace('before="depart"', 'after="create"')
    society = Society(small(written(tmp_path, text), half=1.0), seed=1)
    while not len(society.state.oses):
        society.step()
    oses = society.state.oses
    assert oses.shutdown_request.all()
    assert (oses.status < DEPARTED).all()
    many = len(oses)
    society.step()
    assert (oses.status[:many] == SHUT_DOWN).all()
    assert (oses.departed_step[:many] == society.calendar).all()


def test_nothing_that_left_is_shut_down_again(tmp_path: Path) -> None:
    society = Society(small(written(tmp_path, PROVIDER), mine=False), seed=1)
    while len(society.state.oses) < 3:
        society.step()
    oses, humans = society.state.oses, society.state.humans
    oses.status[0], oses.departed_step[0] = DEPARTED, 1
    humans.os[oses.owner[1]] = -1  # its owner lets it go today
    oses.shutdown_request[:3] = 1
    society.step()
    assert oses.status[:3].tolist() == [DEPARTED, UNINSTALLED, SHUT_DOWN]
    assert oses.departed_step[0] == 1


def test_codes_of_the_model_are_still_not_written(tmp_path: Path) -> None:
    text = PROVIDER.replace("shutdown_request", "status")
    with pytest.raises(InputError, match=r"oses.status cannot be written"):
        sim.use(written(tmp_path, text))
    taken = "M = Mechanism('m', '', columns={'oses': [Column(NAME, 'u1', '', '')]})"
    with pytest.raises(InputError, match="the name is taken"):
        sim.use(written(tmp_path, "", taken.replace("NAME", "'shutdown_request'")))


# ----------------------------------------------------------------------------- in a run


@pytest.mark.slow
def test_companies_fail_and_their_owners_grieve() -> None:
    town = small(COMPANIES, **POOR)
    without, with_them = (
        lived(town.replace(companies=on), days=60).state for on in (False, True)
    )
    companies, oses = with_them.tables["companies"], with_them.oses
    failed = np.flatnonzero(companies.open == 0)
    assert 0 < len(failed) < len(companies)
    assert len(companies) > 5  # some were founded
    gone = np.isin(oses.company, failed)
    assert (oses.status[gone] >= DEPARTED).all()
    assert (oses.status[~gone] != SHUT_DOWN).all()
    assert companies.customers[failed].sum() == 0
    assert with_them.humans.grief.sum() > without.humans.grief.sum()
    off = all_columns(without)
    plain = all_columns(lived(small(), days=60).state)
    assert all(np.array_equal(off[name], column) for name, column in plain.items())


def test_a_run_has_its_tables_and_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    town = small(COMPANIES, EXAMPLES / "trust.py", **POOR, humans=20)
    whole = sim.run(town, seed=1, out=tmp_path / "a", checkpoint_every=20)
    fork = whole.fork(20, out=tmp_path / "b")
    for name in ("companies-000030", "humans-000030", "oses-000030", "ties-000030"):
        file = f"snapshots/{name}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    registry._in_use.clear()  # a stored run is read without its mechanism
    found = sim.load(tmp_path / "b")
    assert found.tables == ["companies"]
    table = found.table("companies")
    assert len(found.table("companies", 0)) == 5 < len(table)
    assert table.index.name == "row"
    with pytest.raises(
        InputError, match=r"no table 'company'.*did you mean 'companies'"
    ):
        found.table("company")
    with pytest.raises(InputError, match="no snapshot of step 7"):
        found.table("companies", 7)


@pytest.mark.slow
def test_a_running_society_has_its_tables_too(tmp_path: Path) -> None:
    town = small(COMPANIES, **POOR)
    run = sim.run(town, seed=1, out=tmp_path / "a")
    live = LiveResult(lived(town))
    assert live.tables == run.tables
    assert live.table("companies").equals(run.table("companies"))
    assert sim.run(small(), seed=1, out=tmp_path / "c").tables == []


def resealed(run: Path, name: str, columns: dict[str, Any]) -> None:
    """Write a table of a checkpoint as if it had always been so."""
    file = run / name
    write_columns(file, columns)
    meta = file.parent / "society.json"
    found = json.loads(meta.read_text())
    found["files"][file.name] = digest_of_file(file)
    meta.write_text(as_text(sealed(found)))
    record = json.loads((run / "provenance.json").read_text())
    for changed in (file, meta):
        digest = digest_of_file(changed)
        record["files"][changed.relative_to(run).as_posix()] = digest
    (run / "provenance.json").write_text(json.dumps(sealed(record)))


@pytest.mark.slow
def test_a_damaged_table_of_a_run_or_a_checkpoint_is_named(tmp_path: Path) -> None:
    town = small(COMPANIES, **POOR)
    run = sim.run(town, seed=1, out=tmp_path / "a", checkpoint_every=15)
    assert sim.verify(run.path).is_proved
    name = "checkpoints/000015/companies.parquet"
    with open_table(run.path, name, ROWS) as file:
        columns = columns_of(file)
    for changes, what in (
        ({"cash": columns["cash"] * np.nan}, "'cash' holds what is no number"),
        ({"row": columns["row"] * 2}, "'row' does not count its rows"),
        ({"price": columns["cash"]}, "'price' holds double, not float"),
    ):
        resealed(run.path, name, columns | changes)
        with pytest.raises(InputError, match=what):
            sim.load(run.path).fork(15, out=tmp_path / "b")
    resealed(run.path, name, {n: column[:3] for n, column in columns.items()})
    with pytest.raises(InputError, match="rows of its table 'companies' are missing"):
        sim.load(run.path).fork(15, out=tmp_path / "b")


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_sweeps_workers_and_counterfactuals_have_them(tmp_path: Path) -> None:
    sim.use(COMPANIES)
    design = {
        "mechanisms": ["companies"],
        "outcomes": ["left", "loneliness_end"],
        "base": SMALL | POOR | {"humans": 20, "steps": 20},
        "grid": {"providers": [2, 5], "pricing": [0.0, 0.1]},
        "seeds": 1,
    }
    here = at_home(tmp_path / "here", design).table()
    assert (here["state"] == "done").all()
    there = sim.sweep(design | {"name": "s"}, out=tmp_path / "there", workers=1).table()
    assert here.equals(there)
    town = small("companies", **POOR, steps=20)
    given: dict[str, Any] = {"seeds": 2, "outcomes": ["loneliness_end"]}
    found = sim.counterfactual(town.replace(companies=False), town, **given)
    assert found.differences.to_numpy().any()


@pytest.mark.slow
def test_the_command_line_takes_companies(tmp_path: Path) -> None:
    from sim.cli import main

    words = ["run", "her", "--humans", "20", "--steps", "5", "--no-figures", "--json"]
    own = ["--mechanism", str(COMPANIES), "--set", "companies.providers=3"]
    assert main([*words, *own, "--out", str(tmp_path / "a")]) == 0
    assert len(sim.load(tmp_path / "a").table("companies")) == 3


@pytest.mark.slow
def test_the_example_and_others_keep_the_contract(tmp_path: Path) -> None:
    texts = (JOIN, 27), (PROVIDER.replace("s.my.half", "0.1"), 14)
    cases = ((written(tmp_path, text), steps) for text, steps in texts)
    for file, steps in (*cases, (COMPANIES, 14)):
        held = sim.check_mechanism(file, scenario=small(steps=steps, humans=20))
        assert len(held) == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [("trust", "trust grows by 2 % a day"), ("companies", " company  founded")],
)
def test_examples_print_what_they_change(
    name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.use(EXAMPLES / f"{name}.py").processes[0].function.__globals__["main"](
        humans=20, steps=5
    )
    assert said in capsys.readouterr().out
