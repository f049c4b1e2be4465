"""The view of a run: what is packed is so, and the page is small, alone and inert."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reported import HOSTILE, copied

import sim
from sim import scenarios
from sim.model.columns import DEPARTED, HERE
from sim.model.parameters import FRIEND
from sim.runs import view
from sim.runs.live import LiveResult
from sim.runs.result import Result
from sim.runs.view import arrangement, packing
from sim.runs.view.chapters import chapters, headline, moment
from sim.runs.view.packing import pack, unpack
from sim.society import Society
from sim.utils.errors import InputError

Arrays = dict[str, np.ndarray]
DAY = 100  # of the quick story: OSes are here, and talk with each other


@pytest.fixture(scope="module")
def seen(told: Result) -> view.RunView:
    """Return the view of a whole quick story."""
    return told.view(height=640)


@pytest.fixture(scope="module")
def page(seen: view.RunView) -> str:
    return seen.page


@pytest.fixture(scope="module")
def packed(page: str) -> tuple[dict[str, Any], Arrays]:
    """Return the story as its page has it."""
    return unpack(base64.b64decode(packed_text(page)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run of a few days; tests only read it."""
    small = {"humans": 8, "steps": 4}
    out = tmp_path_factory.mktemp("runs") / "tiny"
    return sim.run("her-film-cut", parameters=small, out=out, snapshot_every=2)


# ------------------------------------------------------------------------ what is told


def test_an_os_stands_as_high_as_its_share_of_talk_with_oses(
    told: Result, packed: tuple[dict[str, Any], Arrays]
) -> None:
    header, arrays = packed
    at = header["frames"].index(DAY)
    oses = told.oses(DAY)
    here = oses["status"] == HERE
    hours = oses["hours_oses"] + oses["hours_humans"]
    share = (oses["hours_oses"] / hours.where(hours > 0.0)).fillna(0.0)
    drawn = arrays["share"][: len(oses), at] / 255.0
    assert here.sum() > 20
    assert np.abs(drawn - share)[here].max() <= 0.5 / 255.0 + 1e-6


def test_whoever_departs_leaves_from_where_it_was_on_its_very_day(
    told: Result, packed: tuple[dict[str, Any], Arrays]
) -> None:
    header, arrays = packed
    last = told.oses()
    left = np.flatnonzero(last["status"] == DEPARTED)
    assert len(left) > 50
    assert arrays["ended"][left].tolist() == last["departed_step"].iloc[left].tolist()
    one = int(left[0])
    gone = [day >= arrays["ended"][one] for day in header["frames"]].index(True)
    assert gone > 0
    assert len(set(arrays["share"][one, gone - 1 :].tolist())) == 1


def test_love_and_grief_are_those_of_the_day(
    told: Result, packed: tuple[dict[str, Any], Arrays]
) -> None:
    header, arrays = packed
    humans, at = told.humans(DAY), header["frames"].index(DAY)
    for name in ("os_closeness", "grief", "loneliness"):
        scale = header["scales"][name]
        drawn = arrays[name][:, at] / 255.0 * scale
        assert np.abs(drawn - humans[name]).max() <= 0.5 * scale / 255.0 + 1e-6


def test_ties_are_those_of_friends_and_each_stands_once(
    told: Result, packed: tuple[dict[str, Any], Arrays]
) -> None:
    header, arrays = packed
    at, people = header["frames"].index(DAY), told.population
    ties = told.ties(DAY)
    ties = ties[ties["owner"] < ties["neighbour"]]
    mixed = (ties["owner"] < people) & (ties["neighbour"] >= people)
    both = ties[["closeness", "returned"]].mean(axis=1)
    known = both.where(~mixed, ties["closeness"])
    rows = zip(ties["owner"], ties["neighbour"], known, strict=True)
    expected = {(one, other): c for one, other, c in rows if c >= FRIEND}
    level = arrays["tie_closeness"][:, at]
    ends = zip(arrays["tie_from"], arrays["tie_to"], level, strict=True)
    drawn = {(int(a), int(b)): c for a, b, c in ends if c}
    assert drawn.keys() == expected.keys()
    steps = header["steps"]
    assert all(abs(drawn[e] / steps - expected[e]) <= 0.51 / steps for e in drawn)


def test_a_measure_of_each_day_is_kept(
    told: Result, packed: tuple[dict[str, Any], Arrays]
) -> None:
    header, arrays = packed
    assert arrays["days"].tolist() == told.series.index.tolist()
    for name in ("loves", "grief", "departed"):
        scale = header["scales"][f"curve_{name}"]
        drawn = arrays[f"curve_{name}"] / 65535.0 * scale
        assert np.abs(drawn - told.series[name]).max() <= scale / 65535.0


def test_chapters_say_what_happened_in_the_order_of_days(told: Result) -> None:
    found = chapters(told)
    days = [chapter.day for chapter in found]
    assert days == sorted(set(days))
    by_kind = {chapter.kind: chapter for chapter in found}
    first = told.events[told.events["kind"] == "first_departure"]["step"].min()
    assert by_kind["first departure"].day == first
    assert by_kind["grief"].day == told.series["grief"].idxmax()
    largest = f"{told.series['largest_collective'].max():,.0f}"
    told_of = " ".join(f"{chapter.title}. {chapter.text}" for chapter in found)
    assert f"One collective joins {largest} of " in told_of
    before = told.series["human_closeness"].loc[first - 1]
    change = told.series["human_closeness"].iloc[-1] / before - 1.0
    assert change > 0.02
    assert f"{100 * change:.1f}".rstrip("0").rstrip(".") in by_kind["end"].title
    assert "closer to each other" in by_kind["end"].title


def test_of_a_society_without_peers_no_departure_is_told(tmp_path: Path) -> None:
    small = {"humans": 40, "steps": 60, "peers": False}
    result = sim.run(
        "her-film-cut", parameters=small, out=tmp_path / "run", snapshot_every=30
    )
    kinds = {chapter.kind for chapter in chapters(result)}
    assert not kinds & {"OSes turn inward", "first departure", "one collective"}
    assert "at the start" in chapters(result)[-1].title


@pytest.mark.slow
@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_has_a_view_and_a_headline(name: str, tmp_path: Path) -> None:
    small = {"humans": 14, "steps": 4}
    result = sim.run(name, parameters=small, out=tmp_path / "run", snapshot_every=2)
    header, _ = unpack(pack(result))
    assert header["chapters"][-1]["day"] == 4
    assert headline(result)
    assert [moment(result, day) for day in result.steps]


# -------------------------------------------------------------------- where all stand


def test_communities_stand_together_in_the_order_and_on_the_map() -> None:
    """Three cliques of eight, joined in a row by one tie each."""
    cliques = [np.arange(8) * 3 + start for start in range(3)]
    pairs = [(a, b) for clique in cliques for a in clique for b in clique if a < b]
    pairs += [(0, 1), (1, 2)]
    found = arrangement.arrange(24, np.array(pairs))
    for clique in cliques:
        ranks = np.sort(found.rank[clique])
        assert np.ptp(ranks) == 7
        assert len(set(found.community[clique])) == 1
        middle = found.places[clique].mean(0)
        others = np.delete(np.arange(24), clique)
        inside = np.hypot(*(found.places[clique] - middle).T).max()
        assert np.hypot(*(found.places[others] - middle).T).min() > inside
    assert sorted(found.rank) == list(range(24))
    assert np.abs(found.places).max() == 1.0


@pytest.mark.parametrize("people", [1, 2, 5])
def test_people_without_ties_have_a_place_too(people: int) -> None:
    found = arrangement.arrange(people, np.zeros((0, 2), np.int64))
    assert sorted(found.rank) == list(range(people))
    assert np.isfinite(found.places).all()


def test_forces_draw_oses_together_that_talk_with_each_other() -> None:
    rank = np.arange(40)
    anchor = arrangement.circle(rank)
    share = np.where(rank < 20, 1.0, 0.0).astype(np.float32)
    pairs = np.array([(a, b) for a in range(20) for b in range(a + 1, 20)])
    strength = np.ones(len(pairs), np.float32)
    pulls = arrangement.Pulls(pairs, strength, anchor, share, np.ones(40, bool))
    spots = arrangement.draw_together(anchor, pulls, 60)
    apart = np.hypot(*(spots - spots[:20].mean(0)).T)
    assert apart[:20].max() < 0.5 * apart[20:].min()
    moved = np.hypot(*(spots - anchor).T)
    assert moved[20:].max() < 0.15  # those with their owners stay there
    again = arrangement.draw_together(anchor, pulls, 60)
    assert np.array_equal(spots, again)


# ------------------------------------------------------------------------ large, small


def test_of_a_large_run_some_people_ties_and_days_are_drawn(
    told: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MOST_PEOPLE", 20)
    monkeypatch.setattr(packing, "MOST_TIES", 50)
    monkeypatch.setattr(packing, "MOST_DAYS", 7)
    header, arrays = unpack(pack(told))
    assert len(arrays["human_number"]) == 20
    assert header["people"] == told.population
    assert len(arrays["tie_from"]) == 50
    assert 0.0 < header["tie_share"] < 1.0
    owner = told.oses().loc[arrays["os_number"], "owner"].to_numpy()
    assert np.isin(owner[owner >= 0], arrays["human_number"]).all()
    drawn = arrays["human_number"][arrays["owner"][owner >= 0]]
    assert drawn.tolist() == owner[owner >= 0].tolist()
    assert len(header["frames"]) == arrays["share"].shape[1] == 7
    assert set(header["frames"]) <= set(told.steps)
    assert (header["frames"][0], header["frames"][-1]) == (0, told.steps[-1])


@pytest.mark.parametrize("changes", [{"humans": 1, "steps": 1}, {"steps": 0}])
def test_the_smallest_runs_have_a_view(tmp_path: Path, changes: Any) -> None:
    small = {"humans": 3, "steps": 2} | changes
    result = sim.run("her-film-cut", parameters=small, out=tmp_path / "run")
    header, arrays = unpack(pack(result))
    assert header["people"] == small["humans"]
    assert arrays["grief"].shape == (small["humans"], len(result.steps))
    assert "packed" in result.view().page
    people = "1 human" if small["humans"] == 1 else "3 humans"
    assert f"<title>her-film-cut, seed 0: {people}</title>" in result.view().page


def test_a_running_society_is_seen_as_it_is_today() -> None:
    society = Society("her-film-cut", seed=1, humans=20)
    for _ in range(3):
        society.step()
    header, arrays = unpack(pack(LiveResult(society)))
    assert header["frames"] == [3]
    assert arrays["loneliness"].shape == (20, 1)


# ------------------------------------------------------------------------------ a page


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_words_can_be_read_on_every_ground(theme: str) -> None:
    accessible: Any = pytest.importorskip("accessible")
    dark, light = re.findall(r"\.osv[^{]*\{(.*?)\}", view.source("view.css"), re.S)[:2]
    told = dark + (light if theme == "light" else "")
    colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", told))
    for ink in ("ink", "muted", "faint"):
        for paper in ("page", "panel", "sky-top", "soil"):
            assert accessible.contrast(colour[ink], colour[paper]) >= 4.5, (ink, paper)
    for mark in ("person", "love", "grief", "single", "joined", "left", "offline"):
        for paper in ("sky-top", "sky-low", "soil"):
            assert accessible.contrast(colour[mark], colour[paper]) >= 3.0, (
                mark,
                paper,
            )


def test_the_same_run_gives_the_same_page(tiny: Result) -> None:
    assert view.page(tiny) == tiny.view().page == view.page(sim.load(tiny.path))


def test_a_page_is_valid_and_runs_nothing_but_its_own_script(page: str) -> None:
    html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed")
    html5lib.HTMLParser(strict=True).parse(page)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; "))
    scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert [digest(one) for one in scripts] == [rules.pop("script-src")]
    assert [digest(one) for one in styles] == [rules.pop("style-src")]
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    assert not re.search(r"https?://|@import|url\(|\bfetch\(|innerHTML|eval\(", page)


def digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(found).decode()}'"


def test_no_text_of_a_run_stands_on_the_page_as_markup(
    tiny: Result, tmp_path: Path
) -> None:
    place = copied(tiny, tmp_path / "run", scenario=HOSTILE)
    result = sim.load(place)
    page = view.page(result)
    assert HOSTILE not in page
    assert "onerror" not in page.replace(html.escape(HOSTILE), "")
    assert page.count("<script") == 2
    header, _ = unpack(base64.b64decode(packed_text(page)))
    assert header["scenario"] == f"{HOSTILE[:40]}..."


def packed_text(page: str) -> str:
    """Return what a page holds between its tags for the packed run."""
    (found,) = re.findall(r'id="packed">([A-Za-z0-9+/=]*)</script>', page)
    return str(found)


def test_what_a_network_calls_people_is_packed_as_text(tmp_path: Path) -> None:
    names = [HOSTILE, "</script><script>alert(1)</script>", "ann\x00\u202e", "bob"]
    ties = pd.DataFrame({"from": names, "to": names[1:] + names[:1]})
    result = sim.run("her-film-cut", network=ties, steps=2, out=tmp_path / "run")
    page = view.page(result)
    assert "alert" not in page
    header, _ = unpack(base64.b64decode(packed_text(page)))
    assert any(label.startswith("</script>") for label in header["labels"])
    assert all(len(label) <= 43 for label in header["labels"])


def test_of_very_many_people_those_who_are_drawn_have_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"person {number}" for number in range(30)]
    ties = pd.DataFrame({"from": names, "to": names[1:] + names[:1]})
    result = sim.run("her-film-cut", network=ties, steps=1, out=tmp_path / "run")
    monkeypatch.setattr(packing, "MOST_PEOPLE", 10)
    header, arrays = unpack(pack(result))
    assert result.labels is not None
    drawn = [result.labels[number] for number in arrays["human_number"]]
    assert header["labels"] == drawn
    assert len(drawn) == 10


def test_a_notebook_shows_the_page_in_a_frame_that_reaches_nothing(
    seen: view.RunView, page: str
) -> None:
    frame = seen._repr_html_()
    assert frame.startswith("<iframe ") and frame.endswith("</iframe>")
    assert frame.count("<") == 2
    (inside,) = re.findall(r'srcdoc="([^"]*)"', frame)
    assert html.unescape(inside) == page
    assert 'sandbox="allow-scripts"' in frame
    assert "height:640px" in frame
    assert repr(seen).startswith("RunView of her-film-cut, seed 1: 80 humans")


def test_a_view_is_saved_whole_as_html(seen: view.RunView, tmp_path: Path) -> None:
    place = seen.save(tmp_path / "new" / "her.html")
    assert place.read_text(encoding="utf-8") == seen.page
    with pytest.raises(InputError, match="a page is a file of"):
        seen.save(tmp_path / "her.pdf")


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (lambda told: told.view(closest=2.0), "a closeness from 0 to 1"),
        (lambda told: told.view(height=10), "300 to 4000 pixels"),
    ],
)
def test_what_cannot_be_viewed_is_refused(
    told: Result, refused: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        refused(told)


@pytest.mark.slow
def test_the_page_of_the_film_is_under_five_megabytes(film: Result) -> None:
    assert (film.population, film.series.index[-1]) == (600, 1500)
    assert len(film.view().page.encode()) < 5_000_000


def test_a_society_has_a_view_of_today() -> None:
    society = sim.Society("her-film-cut", seed=1, humans=20)
    for _ in range(3):
        society.step()
    shown = society.show()
    assert "a society, seed 1: 20 humans" in repr(shown)
    (packed,) = re.findall(r'id="packed">([^<]*)<', shown.page)
    header, arrays = unpack(base64.b64decode(packed))
    assert header["frames"] == [3]
    assert len(arrays["human_number"]) == 20
