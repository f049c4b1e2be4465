"""Prompts of a user's own: a directory in place of those that are shipped."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from asking import hermetic
from conversing import asking, refused, small, speak, tables
from loopback import Loopback
from test_prompts import an_os, human, scene, tie

from sim.cli import main
from sim.minds import MindOptions, prompts, wording
from sim.minds.options import open_model
from sim.runs.run import estimate
from sim.studies import read
from sim.studies.job import Tasks, run_job
from sim.utils.errors import InputError

GERMAN = Path(__file__).parent.parent / "experiments/minds/prompts_de"
SHIPPED = {name: text.decode() for name, text in prompts.shipped().items()}
SCRIPTED = MindOptions(kind="scripted", cast=None, talks=0.4)


def prompt_set(folder: Path, **files: str) -> Path:
    """Return a directory of prompts; of ``persona_os``, the file persona_os.md."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def changed(name: str, old: str, new: str) -> dict[str, str]:
    """Return a shipped prompt with something in it changed."""
    text = SHIPPED[f"{name}.md"]
    assert old in text
    return {name: text.replace(old, new)}


# ------------------------------------------------------------------------------ reading


def test_what_is_not_there_is_shipped(tmp_path: Path) -> None:
    own = changed("talk", "A visitor", "A stranger")
    found = wording.read(prompt_set(tmp_path / "own", **own))
    assert found.files["talk.md"].decode() == own["talk"]
    others = {n: t for n, t in found.files.items() if n != "talk.md"}
    assert others == {n: t for n, t in prompts.shipped().items() if n != "talk.md"}
    assert not found.phrases


def test_the_digest_is_of_what_the_prompts_say(tmp_path: Path) -> None:
    copied = prompt_set(tmp_path / "same", talk=SHIPPED["talk.md"])
    (copied / ".DS_Store").write_bytes(b"\0")
    assert prompts.digest(wording.read(copied)) == prompts.digest()
    own = prompt_set(tmp_path / "own", **changed("talk", "visitor", "stranger"))
    digests = {prompts.digest(), prompts.digest(wording.read(own))}
    (own / wording.PHRASES_FILE).write_text('"a person" = "somebody"\n')
    digests.add(prompts.digest(wording.read(own)))
    assert len(digests) == 3


@pytest.mark.parametrize("name", [one.removesuffix(".md") for one in SHIPPED])
def test_every_name_that_a_prompt_may_have_can_be_filled_in(
    tmp_path: Path, name: str
) -> None:
    """With all of them in one file, every situation of its kind has its words."""
    names = "".join(f" ${{{one}}}" for one in sorted(wording.NAMES[name]))
    own = wording.read(prompt_set(tmp_path / "own", **{name: SHIPPED[f"{name}.md"]}))
    files = {**own.files, f"{name}.md": f"ALL{names}".encode()}
    own = own._replace(files=files)
    for about, other in ((human(), an_os()), (an_os(), human()), (an_os(), an_os())):
        told = []
        for kind in prompts.KINDS:
            one = scene(about=about, about_other=other, wording=own)
            told += prompts.messages(kind, one)
            told += prompts.messages(kind, one._replace(other_name="", tie={}))
        for kind in prompts.SHARED_KINDS:
            told += prompts.archetype(kind, about, other, tie(), wording=own)[1]
        text = "\n".join(part["content"] for part in told)
        assert "$" not in text
        spoken_by = {"persona_human": not about["is_os"], "persona_os": about["is_os"]}
        assert ("ALL" in text) == spoken_by.get(name, True)


def test_the_shipped_prompts_are_as_a_users_must_be(tmp_path: Path) -> None:
    stems = {name.removesuffix(".md"): text for name, text in SHIPPED.items()}
    found = wording.read(prompt_set(tmp_path / "own", **stems))
    assert found.files == prompts.shipped()


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "unknown file": (
        {"encuonter": "x"},
        r"no prompt is called 'encuonter\.md'; did you mean 'encounter\.md'",
    ),
    "unknown name": (
        changed("encounter", "${pace}", "${pase}"),
        r"encounter\.md, line 2: \$\{pase\} is nothing.*did you mean 'pace'",
    ),
    "name of another situation": (
        changed("encounter", "${pace}", "${name}"),
        r"encounter\.md, line 2: \$\{name\} is nothing that this prompt can name",
    ),
    "lone dollar": (
        changed("departure", "${pace}", "It costs $ 5."),
        r"departure\.md, line 3: a lone \$; write \$\$",
    ),
    "attribute": (
        changed("encounter", "${pace}", "${pace.__class__}"),
        r"encounter\.md, line 2: a lone \$",
    ),
    "nothing heard": (
        changed("encounter", "${heard}", ""),
        r"encounter\.md, line 12: it ends without \$\{heard\}",
    ),
    "nobody": (
        changed("persona_os", "${name}", "Sky"),
        r"persona_os\.md, line 4: it ends without \$\{name\}",
    ),
    "field of the reply": (
        changed("encounter", '"remember"', '"recall"'),
        r'encounter\.md, line 12: it ends without "remember", which the reply',
    ),
    "choice of the reply": (
        changed("departure", '"stay"', '"bleib"'),
        r'departure\.md, line 9: it ends without "stay"',
    ),
    "quotations": (
        changed("persona_human", " Lines that begin with > are quotations", ""),
        r"persona_human\.md, line 5: .*begin with > are quotations",
    ),
    "too large": ({"talk": "x" * 20_001}, r"talk\.md is larger than .*20000 bytes"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_used_is_refused_before_anything_is_asked(
    tmp_path: Path, wrong: str
) -> None:
    files, complaint = WRONG[wrong]
    own = prompt_set(tmp_path / "own", **files)
    with Loopback() as server:
        with pytest.raises(InputError, match=complaint) as caught:
            speak(tmp_path / "run", asking(server.url, prompts=own))
        assert not server.count
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('"a persn" = "x"', "line 2: no phrase is 'a persn'; did you mean 'a person'"),
        ('"a person" = 3', "line 2: 'a person' is said in a line of text"),
        ('"a person" = ""', "line 2: 'a person' is said in a line of text"),
        ('"a person" = "{other}"', r"line 2: \{other\} is nothing .* names nothing"),
        ('"You love {other}." = "{othr}"', "line 2: .*did you mean 'other'"),
        ('"You love {other}." = "{other.__class__}"', "line 2: a lone brace"),
        ('"You love {other}." = "{}"', "line 2: a lone brace"),
        (f'"a person" = "{"x" * 301}"', "line 2: 301 letters; 300 at most"),
        ("[a]", "line 2: no phrase is 'a'"),
        ("=", "is not TOML"),
    ],
)
def test_phrases_are_data(tmp_path: Path, line: str, complaint: str) -> None:
    own = prompt_set(tmp_path / "own")
    (own / wording.PHRASES_FILE).write_text(f"# ours\n{line}\n")
    with pytest.raises(InputError, match=complaint):
        wording.read(own)


def test_a_directory_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, complaint in (
        ("nowhere", "No such file"),
        ("file", "is not a directory"),
        ("na\0me", "no name of a file"),
    ):
        with pytest.raises(InputError, match=complaint):
            wording.read(tmp_path / path)
    with pytest.raises(InputError, match=r"has no prompts; there are archetype\.md"):
        wording.read(prompt_set(tmp_path / "empty"))
    bad = prompt_set(tmp_path / "bad")
    (bad / "talk.md").write_bytes(b"Hello\n\xff${memory}\n")
    with pytest.raises(InputError, match=r"talk\.md, line 2: not UTF-8"):
        wording.read(bad)


def test_no_link_leads_out_of_a_directory(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a key")
    own = prompt_set(tmp_path / "own")
    os.symlink(secret, own / "talk.md")
    with pytest.raises(InputError, match="leads out of"):
        wording.read(own)


# ---------------------------------------------------------------------------- speaking


def asked_in(server: Loopback) -> list[str]:
    """Return the texts of all that was asked in talks."""
    bodies = [one.body for one in server.requests if one.schema == "encounter"]
    return ["\n".join(m["content"] for m in body["messages"]) for body in bodies]


@pytest.mark.parametrize("turns", [2, 4])
def test_a_cast_speaks_german(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """By the server's account, and without a phrase of the shipped ones."""
    pytest.importorskip("openai")
    hermetic(monkeypatch)
    record = tmp_path / "calls"
    with Loopback() as server:
        mind = asking(server.url, prompts=GERMAN, record=record, turns=turns)
        result = speak(tmp_path / "run", mind)
        texts, asked = asked_in(server), server.count
        again = speak(tmp_path / "again", mind)
        assert server.count == asked
    assert len(texts) > 50 and any("hat zu dir gesagt:\n> " in one for one in texts)
    whole = "\n".join(texts)
    assert "\n> Tag 2, du: " in whole and "\n> du hast dir gemerkt: " in whole
    assert " hat dir erz\u00e4hlt: " in whole and not re.search("> (day|you)", whole)
    assert ("Satz 3 von h\u00f6chstens 4:" in whole) == (turns > 2)
    for text in texts:
        assert "Zeilen, die mit > beginnen, sind Zitate" in text
        kept = "\n".join(
            one for one in text.splitlines() if one[:1] not in ('"', ">", "{")
        )
        english = {"You ", "Speak", "Reply", "a person", "an OS", "said"}
        assert not [one for one in english if one in kept], kept
    digest = prompts.digest(wording.read(GERMAN))
    assert digest != prompts.digest()
    assert result.provenance["mind"]["prompts"] == digest
    header = json.loads(record.read_text(encoding="utf-8").splitlines()[0])
    assert header["prompts"] == digest
    assert tables(again) == tables(result)


def test_a_replay_with_other_prompts_says_so(tmp_path: Path) -> None:
    own = prompt_set(tmp_path / "own", **changed("encounter", "one sentence", "words"))
    record = tmp_path / "calls"
    first = speak(tmp_path / "run", SCRIPTED._replace(record=record, prompts=own))
    replayed = SCRIPTED._replace(replay=record)
    again = speak(tmp_path / "again", replayed._replace(prompts=str(own)))
    assert tables(again) == tables(first)
    for other in (None, GERMAN):
        with pytest.raises(InputError, match=r"with other prompts than .*--prompts"):
            speak(tmp_path / "other", replayed._replace(prompts=other))
    with pytest.raises(InputError, match="was recorded with prompts"):
        speak(tmp_path / "other", SCRIPTED._replace(record=record))


def test_a_file_that_changes_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "run her --humans 40 --steps 6 --mind scripted --cast all --talks 0.4"
    line += " --no-figures --quiet --prompts own"
    own = prompt_set(tmp_path / "own", **changed("encounter", "one sentence", "words"))
    for text in ("words", "a word", "a word"):
        prompt_set(own, **changed("encounter", "one sentence", text))
        assert main(line.split()) == 0
    runs = list((tmp_path / "results/runs").glob("her-*"))
    assert len(runs) == 2


def test_kinds_of_situations_are_told_in_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    hermetic(monkeypatch)
    with Loopback() as server:
        mind = asking(server.url, prompts=GERMAN)._replace(kind="archetype")
        speak(tmp_path / "run", mind)
        texts = asked_in(server)
    sorts = "ein Mensch", "ein OS"
    assert texts
    assert all(
        one.startswith(tuple(f"Du bist {sort}" for sort in sorts)) for one in texts
    )
    assert not [one for one in texts if "You " in one or "the other" in one]


def test_an_estimate_counts_own_words(tmp_path: Path) -> None:
    long = changed("encounter", "one sentence", "one sentence, " * 200)
    own = prompt_set(tmp_path / "own", **long)
    plain, longer = (
        estimate(small(), SCRIPTED._replace(prompts=one), seed=3) for one in (None, own)
    )
    assert plain.calls == longer.calls
    assert longer.prompt_tokens > 3 * plain.prompt_tokens


def test_prompts_are_of_a_cast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = ("run", "her", "--humans", "12", "--steps", "2")
    told = refused(capsys, *run, "--prompts", str(GERMAN))
    assert "--prompts is of a cast, which needs a mind" in told
    told = refused(capsys, *run, "--mind", "scripted", "--prompts", "nowhere")
    assert "prompts nowhere: No such file" in told
    with pytest.raises(InputError, match="prompts of one's own go with a mind"):
        speak(tmp_path / "run", MindOptions(prompts=GERMAN))
    options = SCRIPTED._replace(prompts=GERMAN)
    with pytest.raises(InputError, match="are for a cast"), open_model(options):
        pass


# ------------------------------------------------------------------------------ designs


DESIGN = """
outcomes = ["left"]
[base]
humans = 12
steps = 4
"""
MIND = '[mind]\nkind = "scripted"\n'


def tasks_in(folder: Path, text: str) -> Tasks:
    """Return the runs of a design that stands in a folder."""
    (folder / "d.toml").write_text(DESIGN + text)
    return Tasks(read(folder / "d.toml"))


def test_a_design_names_prompts_beside_it(tmp_path: Path) -> None:
    """What they say, and not where they are, is part of a run's name."""
    runs = []
    for name, words in (("one", "words"), ("two", "words"), ("three", "a word")):
        (tmp_path / name).mkdir()
        own = changed("encounter", "one sentence", words)
        prompt_set(tmp_path / name / "own", **own)
        (task,) = tasks_in(tmp_path / name, MIND + 'prompts = "own"')
        assert task.job["mind"]["prompts"] == str(tmp_path / name / "own")
        assert run_job(task.job)["state"] == "done"
        runs.append(task.run)
    assert runs[0] == runs[1] != runs[2]
    (shipped,) = tasks_in(tmp_path, MIND + 'prompts = "shipped"')
    (unnamed,) = tasks_in(tmp_path, MIND)
    assert shipped.run == unnamed.run not in runs


@pytest.mark.parametrize(
    "where", ["[mind]\n{}", "[grid]\nmind = [{{{}}}]", "[[list]]\nmind = {{{}}}"]
)
@pytest.mark.parametrize("path", ["../own", "/etc", "linked"])
def test_a_design_names_no_prompts_elsewhere(
    tmp_path: Path, where: str, path: str
) -> None:
    folder = tmp_path / "designs"
    folder.mkdir()
    prompt_set(tmp_path / "own", talk="Hello ${memory}")
    os.symlink(tmp_path / "own", folder / "linked")
    is_table = where.startswith("[mind]")
    told = ("\n" if is_table else ", ").join(
        ['kind = "scripted"', f'prompts = "{path}"']
    )
    with pytest.raises(InputError, match=r"beside the design|leads out of"):
        tasks_in(folder, where.format(told))
