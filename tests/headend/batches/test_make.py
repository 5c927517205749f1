"""Batches from a database: once, the same again, corrected with a reason, never by half."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.headend.batches.stored import registered, validated
from tests.headend.command import Headend, Ran
from tests.small_disk import small_disk

PERIOD = ("--from", "2026-05-01", "--to", "2026-05-04")
REPORTS = {
    "csv": {
        "points": 2, "expected": 864, "present": 850, "estimated": 4, "missing": 10, "left_out": 0, "complete": "98.84",
    },
    "nem12": {
        "points": 2, "expected": 864, "present": 768, "estimated": 0, "missing": 96, "left_out": 86,
        "complete": "88.88",
    },
}  # fmt: skip
"""Of NEM12 a day that lacks an interval is left out."""


@pytest.fixture
def filled(conninfo: str, site: Path) -> Path:
    """Three days of two points."""
    asyncio.run(registered(conninfo))
    asyncio.run(validated(conninfo))
    return site


@pytest.mark.parametrize("form", ["csv", "parquet", "nem12", "espi"])
def test_a_batch_and_the_same_again(headend: Headend, filled: Path, tmp_path: Path, form: str) -> None:
    ran = headend("export", form, *PERIOD, "-o", tmp_path / "a", "--json", "--config", filled)
    assert (ran.code, ran.err) == (0, "")
    told = ran.document
    assert (told["batch"], told["sequence"], told["again"]) == ("B000001", 1, False)
    report = told["completeness"]
    assert report == REPORTS.get(form, REPORTS["csv"])
    assert headend("export", "--verify", tmp_path / "a" / "B000001", "--config", filled).code == 0
    again = headend("export", form, *PERIOD, "-o", tmp_path / "b", "--json", "--config", filled)
    assert (again.document["batch"], again.document["again"]) == ("B000001", True)
    for file in (tmp_path / "a" / "B000001").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "B000001" / file.name).read_bytes()
    assert [entry.name for entry in (tmp_path / "b").iterdir()] == ["B000001"]


def export(headend: Headend, site: Path, out: Path, *more: object, form: str = "csv") -> Ran:
    return headend("export", form, *PERIOD, "-o", out, *more, "--json", "--config", site)


def test_changed_values_need_a_correction(headend: Headend, filled: Path, conninfo: str, tmp_path: Path) -> None:
    assert export(headend, filled, tmp_path).document["as_of"] == 1
    assert asyncio.run(validated(conninfo, change={("P2", 96 + 12): 12340, ("P1", 100): 50})) == 2
    refused = export(headend, filled, tmp_path)
    assert refused.code == 1
    assert "add --supersedes B000001 --reason TEXT" in refused.err
    old = export(headend, filled, tmp_path / "old", "--as-of", 1)
    assert (old.document["batch"], old.document["again"]) == ("B000001", True)
    correction = ("--supersedes", "1", "--reason", "a late reading")
    made = export(headend, filled, tmp_path, *correction)
    assert (made.code, made.document["batch"], made.document["as_of"]) == (0, "B000002", 2)
    manifest = json.loads((tmp_path / "B000002" / "manifest.json").read_text())
    before = (tmp_path / "B000001" / "manifest.json").read_bytes()
    assert (manifest["supersedes"], manifest["reason"]) == ("B000001", "a late reading")
    assert manifest["previous_manifest_sha256"] == hashlib.sha256(before).hexdigest()
    for again in (export(headend, filled, tmp_path, *correction), export(headend, filled, tmp_path)):
        assert (again.document["batch"], again.document["again"]) == ("B000002", True)
    shown = headend("export", "show", "B000002", "--json", "--config", filled).document
    told = headend("export", "diff", "B000001", "B000002", "--json", "--config", filled).document
    assert told["days"] == shown["difference"]["days"]
    days = [(one["point"], one["day"], one["intervals"]) for one in told["days"]]
    assert days == [("P1", "2026-05-01", 1), ("P2", "2026-05-01", 1)]
    (late,) = [one for one in told["days"] if one["point"] == "P2"]
    assert Decimal(late["after"]) - Decimal(late["before"]) == Decimal("1.2340")
    twice = export(headend, filled, tmp_path, "--supersedes", "B000001", "--reason", "once more")
    assert twice.code == 1
    assert "superseded by B000002" in twice.err
    same = export(headend, filled, tmp_path, "--supersedes", "B000002", "--reason", "nothing")
    assert "there is nothing to correct" in same.err
    states = {one["batch"]: one["status"] for one in headend("export", "list", "--json", "--config", filled).documents}
    assert states == {"B000001": "superseded", "B000002": "made"}


def test_a_report_comes_before_a_batch(headend: Headend, filled: Path, tmp_path: Path) -> None:
    dry = headend("export", "csv", *PERIOD, "--dry-run", "--json", "--config", filled)
    assert dry.document["completeness"]["total"] == REPORTS["csv"]
    rows = {(one["point"], one["channel"]): one["missing"] for one in dry.document["completeness"]["points"]}
    assert rows == {("P1", "1-0:1.8.0*255"): 0, ("P1", "1-0:2.8.0*255"): 0, ("P2", "1-0:1.8.0*255"): 10}
    refused = export(headend, filled, tmp_path, "--require", "99.5")
    assert refused.code == 1
    assert "98.84 % of the expected have a value, 99.5 are required: 10 of 864 are missing" in refused.err
    assert list(tmp_path.glob("B*")) == list(tmp_path.glob(".B*")) == []
    assert export(headend, filled, tmp_path, "--require", "98.8").document["sequence"] == 1


def test_some_points_only(headend: Headend, filled: Path, tmp_path: Path) -> None:
    made = export(headend, filled, tmp_path, "--point", "P2")
    assert made.document["counts"] == {"reads": 278, "expected": 288, "missing": 10, "by_quality": {"A": 274, "S": 4}}
    text = (tmp_path / "B000001" / "B000001.csv").read_text()
    assert "M2,P2,1-0:1.8.0*255,,2026-04-30T21:15:00Z,900," in text  # 5:15 in Shanghai, the first estimate is before it
    estimated = [line for line in text.splitlines() if ",S," in line]
    assert len(estimated) == 4
    assert all(",kWh,true,1,S,15,78,estimated,,,like_day,1,B000001" in line for line in estimated)


def test_an_exchange_cuts_channels(headend: Headend, filled: Path, conninfo: str, tmp_path: Path) -> None:
    swap = ("exchange", "M2", "M3", "--address", "3", "--at", "2026-05-02T10:05:00+08:00", "--multiplier", "10")
    ends = ("--final", "active_energy_import=7", "--initial", "active_energy_import=0", "--by", "li")
    assert headend("meter", *swap, *ends, "--config", filled).code == 0
    assert export(headend, filled, tmp_path, "--point", "P2").code == 0
    series = json.loads((tmp_path / "B000001" / "manifest.json").read_text())["series"]
    assert [(one["key"][0], one["expected"], one["last"]) for one in series] == [
        ("M2", 96 + 41, "2026-05-02T02:00:00Z"), ("M3", 55 + 96, "2026-05-03T15:45:00Z"),
    ]  # fmt: skip
    assert headend("export", "--verify", tmp_path / "B000001").code == 0
    assert export(headend, filled, tmp_path, "--point", "P2", form="nem12").code == 0
    lines = (tmp_path / "B000002" / "B000002.nem12.csv").read_text().splitlines()
    assert [line.split(",")[6] for line in lines if line.startswith("200")] == ["M2", "M3"]
    assert headend("export", "--verify", tmp_path / "B000002").code == 0


@pytest.mark.parametrize("form", ["csv", "parquet", "nem12", "espi"])
def test_a_meter_that_is_back_at_its_point(headend: Headend, filled: Path, tmp_path: Path, form: str) -> None:
    swaps = (
        ("M2", "M3", "--address", "3", "--at", "2026-05-02T10:05:00+08:00", "--final", "active_energy_import=7"),
        ("M3", "M2", "--at", "2026-05-03T11:00:00+08:00", "--final", "active_energy_import=9"),
    )
    by = ("--initial", "active_energy_import=0", "--multiplier", "10", "--by", "li", "--config", filled)
    for swap in swaps:
        ran = headend("meter", "exchange", *swap, *by)
        assert ran.code == 0, ran.err
    assert export(headend, filled, tmp_path, "--point", "P2", form=form).code == 0
    series = json.loads((tmp_path / "B000001" / "manifest.json").read_text())["series"]
    if form in ("csv", "parquet"):
        assert {one["key"][0]: one["expected"] for one in series} == {"M2": 96 + 41 + 52, "M3": 55 + 44}
    assert headend("export", "--verify", tmp_path / "B000001").code == 0


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["cmep", *PERIOD], 2, "cmep is not there yet"),
        (["cim", *PERIOD], 2, "cim is not there yet"),
        (["csv", "--from", "2026-05-04", "--to", "2026-05-01"], 2, "--from is not before --to"),
        (["csv", "--from", "2026-05-01T00:07", "--to", "2026-05-02"], 2, "no interval of 900 s begins then"),
        (["nem12", "--from", "2026-05-01T00:00+08:00", "--to", "2026-05-02"], 2, "midnight of UTC+10"),
        (["nem12", *PERIOD, "--participants", "A LONG NAME,B"], 2, "one to ten letters and digits"),
        (["csv", *PERIOD, "--participants", "A"], 2, "expected FROM,TO"),
        (["csv", *PERIOD, "--point", "P1", "P9"], 1, "no usage point named 'P9'"),
        (["espi", *PERIOD, "--what", "registers"], 2, "registers are written as csv, parquet, nem13, not as espi"),
        (["nem13", *PERIOD, "--what", "intervals"], 2, "nem13 holds registers"),
        (["csv", *PERIOD, "--require", "101"], 2, "expected a percentage"),
        (["csv", *PERIOD, "--supersedes", "B000001"], 2, "go together"),
        (["csv", *PERIOD, "--supersedes", "B000001", "--reason", "r"], 1, "no batch named 'B000001'"),
        (["csv", "--from", "2025-05-01", "--to", "2025-05-02"], 2, "no meter stood at any usage point"),
        (["csv", "--from", "2025-05-01", "--to", "2025-05-02", "--point", "P1"], 1, "no meter stood there"),
    ],
)
def test_what_is_not_made_says_why(
    headend: Headend, filled: Path, tmp_path: Path, words: list[str], code: int, reason: str
) -> None:
    ran = headend("export", *words, "-o", tmp_path / "out", "--json", "--config", filled)
    assert (ran.code, reason in ran.document["error"]["message"]) == (code, True), ran.err
    assert headend("export", "list", "--json", "--config", filled).out == ""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "point P1 has no option nmi"),
        ({"nmi": "2001985731O"}, "point P1, option nmi"),
        (
            {"nmi": "2001985732", "nem_suffixes": {"active_energy_import": "e1"}},
            "no NMI suffix for active_energy_im",
        ),
        ({"nmi": "2001985732", "nem_suffixes": {"active_energy_import": "B1"}}, "suffix B1 stands for two quantities"),
        ({"nmi": "2001985732", "nem_suffixes": "E1"}, "expected a table of texts"),
    ],
)
def test_names_in_the_market(
    headend: Headend, site: Path, conninfo: str, tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    asyncio.run(registered(conninfo, options))
    asyncio.run(validated(conninfo))
    ran = export(headend, site, tmp_path, form="nem12")
    assert (ran.code, reason in ran.err) == (2, True), ran.err


def test_a_full_disk_leaves_no_half_batch(headend: Headend, filled: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 40) as disk:
        ran = export(headend, filled, disk)
        assert (ran.code, "No space left on device; nothing was made" in ran.err) == (1, True), ran.err
        assert list(disk.iterdir()) == []
        assert headend("export", "list", "--json", "--config", filled).out == ""
    assert export(headend, filled, tmp_path / "large").document["sequence"] == 1


def test_a_killed_export_leaves_no_half_batch(
    headend: Headend, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended by the kernel in the middle of the file; what lies there then is taken away by the next."""
    out = tmp_path / "out"
    script = (
        "import os, signal, sys\n"
        "from headend.batches.folder import HalfFolder\n"
        "from headend.cli.main import main\n"
        "write = HalfFolder.write\n"
        "def cut(chunks):\n"
        "    yield next(iter(chunks))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "HalfFolder.write = lambda self, name, chunks: write(self, name, cut(chunks))\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", script, "export", "csv", *PERIOD, "-o", str(out), "--config", str(filled)]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [entry.name for entry in out.iterdir()] == [".B000001.part"]
    made = export(headend, filled, out)
    assert (made.document["sequence"], made.document["again"]) == (1, False)
    assert [entry.name for entry in out.iterdir()] == ["B000001"]
    assert headend("export", "--verify", out / "B000001").code == 0


def test_another_batch_in_its_place_is_not_overwritten(headend: Headend, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "B000001").mkdir()
    (tmp_path / "B000001" / "notes").write_text("mine")
    ran = export(headend, filled, tmp_path)
    assert (ran.code, "is there and is another one" in ran.err) == (1, True)
    assert [entry.name for entry in (tmp_path / "B000001").iterdir()] == ["notes"]
    assert headend("export", "list", "--json", "--config", filled).out == ""


def test_who_was_given_readings_is_written_down(headend: Headend, filled: Path, tmp_path: Path) -> None:
    filled.write_text(filled.read_text(encoding="utf-8") + "[privacy]\naccess_log = true\n", encoding="utf-8")
    assert export(headend, filled, tmp_path, "--point", "P2").code == 0
    assert headend("export", "show", "B000001", "-o", tmp_path / "again", "--config", filled).code == 0
    assert (tmp_path / "again" / "B000001" / "B000001.csv").is_file()
    told = headend("access", "list", "--json", "--config", filled).documents
    assert [(one["action"], one["meters"]) for one in told] == [("export", ["M2"])] * 2
