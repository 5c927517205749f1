"""Release, delivery and answers of batches from the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headend.batches.rounds import go_round, rounds
from headend.config import load
from storage.exports import Exports
from tests.headend.batches.stored import registered, validated
from tests.headend.command import Headend

TARGETS = """
[[export.target]]
name = "near"
url = "in"
[[export.target]]
name = "other"
url = "/dev/null/in"
formats = ["espi"]
"""


@pytest.fixture
def made(headend: Headend, conninfo: str, site: Path, tmp_path: Path) -> Path:
    """B000001, as CSV of 1 and 2 May."""
    asyncio.run(registered(conninfo))
    asyncio.run(validated(conninfo))
    site.write_text(site.read_text(encoding="utf-8") + TARGETS, encoding="utf-8")
    period = ("--from", "2026-05-01", "--to", "2026-05-03")
    for form in ("csv", "espi"):
        assert headend("export", form, *period, "-o", tmp_path / "made", "--config", site).code == 0
    return site


def test_only_what_is_released_is_delivered_and_once(headend: Headend, made: Path, tmp_path: Path) -> None:
    early = headend("export", "deliver", "B000001", "--config", made)
    assert (early.code, "is not released" in early.err) == (1, True)
    for new in ("is released", "was released before"):
        ran = headend("export", "release", "B000001", "--by", "li", "--note", "checked", "--config", made)
        assert (ran.code, f"B000001 {new} by li" in ran.out) == (0, True)
    ran = headend("export", "deliver", "B000001", "--json", "--config", made)
    assert [(one["target"], one["done"]) for one in ran.documents] == [("near", True)]
    for file in (tmp_path / "made" / "B000001").iterdir():
        assert (tmp_path / "in" / "B000001" / file.name).read_bytes() == file.read_bytes()
    assert headend("export", "deliver", "B000001", "--json", "--config", made).out == ""
    again = headend("export", "deliver", "B000001", "--again", "--json", "--config", made)
    assert again.document["detail"] == "lies there already"
    shown = headend("export", "show", "B000001", "--json", "--config", made).document
    assert (shown["status"], shown["released_by"], len(shown["deliveries"])) == ("delivered", "li", 2)
    people = headend("export", "show", "B000001", "--config", made).out
    assert "released by li" in people
    assert "98.26 %" in people  # 10 of 576 are missing


def test_a_target_that_fails_costs_itself_alone(headend: Headend, made: Path, tmp_path: Path) -> None:
    assert headend("export", "release", "B000002", "--by", "li", "--config", made).code == 0
    ran = headend("export", "deliver", "B000002", "--config", made)
    assert (ran.code, "near: " in ran.out, "other: " in ran.err) == (1, True, True)
    assert (tmp_path / "in" / "B000002" / "manifest.json").exists()
    shown = headend("export", "show", "B000002", "--json", "--config", made).document
    assert [(one["target"], one["done"]) for one in shown["deliveries"]] == [("near", True), ("other", False)]
    wrong = headend("export", "deliver", "B000001", "--target", "other", "--config", made)
    assert wrong.code == 1  # not released
    assert headend("export", "release", "B000001", "--by", "li", "--config", made).code == 0
    for names, reason in ((["none"], "no target named 'none'"), (["other"], "does not take csv")):
        wrong = headend("export", "deliver", "B000001", "--target", *names, "--config", made)
        assert (wrong.code, reason in wrong.err) == (2, True)


def answer(path: Path, **more: object) -> Path:
    content = {"kind": "headend-billing-answer", "batch_id": "B000001", "status": "accepted", "receiver": "CIS"} | more
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_an_answer_is_held_against_the_manifest(headend: Headend, made: Path, tmp_path: Path) -> None:
    manifest = (tmp_path / "made" / "B000001" / "manifest.json").read_bytes()
    told = json.loads(manifest)
    totals = [{"key": one["key"], "total": one["total"]} for one in told["series"]]
    digest = hashlib.sha256(manifest).hexdigest()
    whole = answer(
        tmp_path / "a.json", manifest_sha256=digest, counts={"reads": told["counts"]["reads"]}, totals=totals
    )
    for new in (True, False):
        ran = headend("export", "ack", whole, "--json", "--config", made)
        assert (ran.code, ran.document["status"], ran.document["new"]) == (0, "acknowledged", new)
    totals[0]["total"] = "1.0"
    short = answer(tmp_path / "b.json", counts={"reads": 3}, totals=[*totals, {"key": ["X"], "total": "1"}])
    ran = headend("export", "ack", short, "--json", "--config", made)
    assert (ran.code, ran.document["status"]) == (1, "differs")
    assert [text.partition(",")[0] for text in ran.document["findings"][:1]] == ["3 reads"]
    assert len(ran.document["findings"]) == 3
    no = answer(
        tmp_path / "c.json", status="rejected", reasons=[{"where": "P1", "code": "17", "message": "no contract"}]
    )
    ran = headend("export", "nack", no, "--json", "--config", made)
    assert (ran.code, ran.document["status"]) == (0, "refused")
    shown = headend("export", "show", "1", "--json", "--config", made).document
    assert [one["kind"] for one in shown["answers"]] == ["ack", "ack", "nack"]
    assert shown["answers"][2]["document"]["reasons"][0]["message"] == "no contract"


def test_an_answer_by_word(headend: Headend, made: Path) -> None:
    ran = headend("export", "nack", "B000002", "--by", "wang", "--reason", "wrong month", "--json", "--config", made)
    assert (ran.code, ran.document["status"]) == (0, "refused")
    ran = headend("export", "ack", "B000002", "--by", "wang", "--json", "--config", made)
    assert (ran.code, ran.document["status"]) == (0, "acknowledged")


@pytest.mark.parametrize(
    ("verb", "content", "code", "reason"),
    [
        ("ack", {"status": "rejected"}, 2, "says rejected"),
        ("ack", {"status": "fine"}, 2, "expected accepted or rejected"),
        ("ack", {"kind": "other"}, 2, "expected headend-billing-answer"),
        ("ack", {"counts": {"reads": "3"}}, 2, "Expected `int`"),
        ("ack", {"batch_id": "B000009"}, 1, "no batch named 'B000009'"),
        ("ack", {"totals": [{"key": ["P1"], "total": "many"}]}, 2, "'many' is no number"),
        ("nack", None, 2, "who says so"),
    ],
)
def test_answers_that_are_none(
    headend: Headend, made: Path, tmp_path: Path, verb: str, content: dict[str, object] | None, code: int, reason: str
) -> None:
    what = "B000001" if content is None else answer(tmp_path / "a.json", **content)
    ran = headend("export", verb, what, "--config", made)
    assert (ran.code, reason in ran.err) == (code, True), ran.err


def test_the_daemon_brings_what_is_released(headend: Headend, made: Path, conninfo: str, tmp_path: Path) -> None:
    made.write_text(made.read_text(encoding="utf-8").replace('url = "in"\n', 'url = "in"\nautomatic = true\n'))
    config = load(str(made))

    async def round_again() -> list[int]:
        now = datetime.now(UTC)
        both = await asyncio.gather(go_round(config, conninfo, now), go_round(config, conninfo, now))
        return sorted(both)

    assert asyncio.run(round_again()) == [0, 0]
    for name in ("B000001", "B000002"):
        assert headend("export", "release", name, "--by", "li", "--config", made).code == 0
    assert asyncio.run(round_again()) == [0, 2]
    assert asyncio.run(round_again()) == [0, 0]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["B000001", "B000002"]
    state = headend("export", "list", "--json", "--config", made).documents
    assert [(one["status"], one["targets"]) for one in state] == [("delivered", ["near"])] * 2


def test_rounds_are_made_beside_the_daemon_s_work(made: Path, conninfo: str, tmp_path: Path) -> None:
    made.write_text(made.read_text(encoding="utf-8").replace('url = "in"\n', 'url = "in"\nautomatic = true\n'))
    config = load(str(made))

    async def until_it_lies_there() -> None:
        async with Exports(conninfo) as exports:
            await exports.release(1, "li")
            async with rounds(config, conninfo, every_s=0.02):
                for _ in range(1000):
                    if (await exports.state(1)).targets:
                        return
                    await asyncio.sleep(0.02)

    asyncio.run(until_it_lies_there())
    assert (tmp_path / "in" / "B000001" / "manifest.json").is_file()
