"""Meters' passwords changed through the command line by real processes, killed between: none is lost, none is shown
anywhere, and no meter is locked."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from headend.secrets.keyring import parse
from headend.secrets.safe import CONTROL, Safe
from storage.secrets import SecretTable
from tests.system.plant import wait_until
from tests.system.switchyard import Switchyard

pytestmark = pytest.mark.postgres

FACTORY = "000000"
MOST_FRAMES = 5
"""Of one order at one meter: the old one proved, the change, at most two tries of the new one and one of the old."""


def test_a_campaign_gives_every_meter_a_password_that_nobody_sees(plain_database: str, tmp_path: Path) -> None:
    yard = Switchyard(tmp_path, plain_database, meters=3, programming=True)
    yard.config(more='[wire_log]\ndirectory = "wires"')
    with yard.meters(), yard.daemon() as daemon:
        wait_until(lambda: _answers(yard), "the daemon's API")
        order = _drafted(yard, "--area", "north")
        assert (order["meters"], order["needs"]) == (6, ["approval", "release"])
        shown = [yard.run("command", "approve", "new", by="bo"), yard.run("command", "pause", "new", by="bo")]
        shown += [yard.run("command", "release", "new", by="dee")]
        assert set(yard.states("new").values()) == {"released"}, "it waits"
        shown += [yard.run("command", "continue", "new", by="dee")]
        wait_until(lambda: set(yard.states("new").values()) == {"verified"}, "all changed")
        shown += [
            yard.run("command", *verb, by="eve")
            for verb in (["show", "new"], ["progress", "new"], ["report", "new", "-o", str(tmp_path / "report.csv")])
        ]
        shown += [yard.run("audit", "export", "-o", str(tmp_path / "audit.jsonl")), yard.run("secret", "list")]
        yard.order("trip", "cut", yard.names)
        wait_until(lambda: set(yard.states("cut").values()) == {"verified"}, "the new ones open relays")
        (told,) = yard.run("audit", "verify")
        assert told["flaws"] == [] if "flaws" in told else told["whole"]
        assert daemon.stop() == 0
    assert set(_frames(yard).values()) == {3}
    kept = [(row["state"], row["made_for"]) for row in yard.run("secret", "list")]
    assert Counter(kept) == {("current", "new"): 6, ("past", ""): 6}
    folder = yard.folder
    wires = list((folder / "wires").iterdir())
    assert wires
    _nothing_shows(yard, [folder / "report.csv", folder / "audit.jsonl", *wires], json.dumps(shown))


def _nothing_shows(yard: Switchyard, files: list[Path], *shown: str) -> None:
    """No password that is in force, in nothing that anybody can read but the safe."""
    secrets = asyncio.run(_digits(yard))
    assert len(secrets) == len(yard.names)
    changed = [digits for digits in secrets if digits != FACTORY]
    assert len(set(changed)) > 1
    files = [*files, *(yard.folder / name for name in ("wire.jsonl", "one.log", "simulate.log"))]
    texts = [*shown, *(path.read_text() for path in files)]
    texts += [str(yard.sql(f"SELECT t::text FROM {table} t")) for table in ("audit", "decision", "command_transition")]
    assert sum("** ** **" in text for text in texts) > 1, "frames are shown"
    for digits in changed:
        assert not [text for text in texts if _holds(text, digits)]


def test_s09_killed_again_and_again_no_password_is_lost_and_no_meter_locked(
    plain_database: str, tmp_path: Path
) -> None:
    yard = Switchyard(tmp_path, plain_database, meters=4, programming=True, faults="seed:3,drop:0.03")
    with yard.meters():
        for number in range(5):
            with yard.daemon() as daemon:
                if number == 0:
                    wait_until(lambda: _answers(yard), "the daemon's API")
                    _drafted(yard, *yard.names)
                    yard.run("command", "approve", "new", by="bo")
                    yard.run("command", "release", "new", by="dee")
                _wait_for_one_more(yard)
                daemon.kill()
        with yard.daemon() as daemon:
            wait_until(lambda: _is_over(yard, "new"), "every change is settled")
            wait_until(lambda: _answers(yard), "the daemon's API")
            yard.order("trip", "cut", yard.names)
            wait_until(lambda: _is_over(yard, "cut"), "the passwords in force open relays")
            assert daemon.stop() == 0
    assert set(yard.states("new").values()) <= {"verified", "failed", "rejected"}
    assert "verified" in yard.states("new").values()
    assert set(yard.states("cut").values()) == {"verified"}
    assert max(_frames(yard).values()) <= MOST_FRAMES
    claims = yard.sql("SELECT count(*) FROM command_transition WHERE key = 'new' AND after = 'sent' GROUP BY meter")
    assert set(claims) == {(1,)}
    _nothing_shows(yard, [])


def _drafted(yard: Switchyard, *meters: str) -> Any:
    more = ("--reason", "maintenance", "--notice", "plan 7", "--key", "new")
    (order,) = yard.run("command", "change-password", *meters, *more, by="ada")
    return order


def _wait_for_one_more(yard: Switchyard) -> None:
    """Until one more new password is sealed, or nothing is left to be told."""

    def sealed() -> int:
        return int(yard.sql("SELECT count(*) FROM meter_secret WHERE made_for <> ''")[0][0])

    before = sealed()
    wait_until(lambda: sealed() > before or _is_over(yard, "new"), "a new password")


def _is_over(yard: Switchyard, order: str) -> bool:
    return not set(yard.states(order).values()) & {"released", "sent", "acknowledged", "unknown"}


def _frames(yard: Switchyard) -> Counter[str]:
    """By address, how many frames of the service meters were sent, as they wrote it down themselves."""
    found: Counter[str] = Counter()
    with (yard.folder / "wire.jsonl").open(encoding="utf-8") as rows:
        for text in rows:
            row = json.loads(text)
            if row["direction"] == "received" and row.get("control") == "18":
                assert "** ** **" in row["hex"]
                found[row["address"]] += 1
    return found


async def _digits(yard: Switchyard) -> list[str]:
    """What is in force, by who has the key."""
    keyring = parse((yard.folder / "secrets.key").read_text(), "secrets.key")
    async with SecretTable(yard.conninfo) as table:
        safe = Safe(table, keyring)
        return [found.password for name in yard.names if (found := await safe.password(name, CONTROL))]


def _holds(text: str, digits: str) -> bool:
    """The digits by themselves, or as they go over a line, with 33H and without. Within hashes and fractions of
    a second they may stand by chance."""
    pairs = [digits[at : at + 2] for at in (4, 2, 0)]
    coded = [f"{(int(pair, 16) + 0x33) & 0xFF:02X}" for pair in pairs]
    of_frames = "|".join(f"{first} {' '.join(three)}" for first in ("02", "35") for three in (pairs, coded))
    return re.search(rf"(?<![0-9A-Fa-f.]){digits}(?![0-9A-Fa-f])|{of_frames}", text, re.IGNORECASE) is not None


def _answers(yard: Switchyard) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", yard.ports["one"])) == 0


def test_what_is_looked_for_would_be_found() -> None:
    for text in ("x 123456 y", '"123456"', "68 35 89 67 45 16", "02 56 34 12"):
        assert _holds(text, "123456")
    for text in ("a123456f", "0.123456", "35 ** ** **"):
        assert not _holds(text, "123456")
