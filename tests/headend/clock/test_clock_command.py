"""`headend clock` against meters with clocks of their own, behind a port of a thread."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from headend.place import account
from protocols.dlt645.address import BROADCAST, from_wire
from protocols.dlt645.frame import Frame
from protocols.dlt645.services.clock import SET_TIME, SetTime
from tests.headend.bus import Bus, data
from tests.headend.command import Headend
from tests.headend.conftest import configuration

ZONE = ZoneInfo("Asia/Shanghai")
CLOCK = "0400010C"
QUICK = ["--timeout", "500ms", "--latency", "0ms"]


class Clocks(Bus):
    """Meters by address, each off by so many seconds; they take the time they are told, whatever it is."""

    def __init__(self, off: dict[str, float], ahead: timedelta) -> None:
        super().__init__({address: {} for address in off})
        self.off = off
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def replies(self, frames: list[Frame]) -> Iterator[tuple[str, bytes]]:
        right = self.now().astimezone(ZONE).replace(tzinfo=None)
        asked = []
        for frame in frames:
            if frame.control == SET_TIME:
                told = datetime.fromisoformat(SetTime.parse(frame.data).time)
                to = from_wire(frame.address)
                for address in self.off if to == BROADCAST else (to,):
                    self.off[address] = (told - right).total_seconds()
            else:
                asked.append(frame)
        for address, off in self.off.items():
            own = (right + timedelta(seconds=off)).replace(microsecond=0)
            self.meters[address] = {CLOCK: data(CLOCK, own.isoformat())} if abs(off) < 1e6 else {CLOCK: bytes(7)}
        yield from super().replies(asked)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """It is tomorrow, 14:20:30 in Shanghai: far from everything."""
    now = datetime.now(UTC)
    ahead = (now + timedelta(days=1)).replace(hour=6, minute=20, second=30) - now
    found = Clocks({"000000000001": 20.0, "000000000002": -1.0, "000000000003": 4000.0, "000000000004": 2e6}, ahead)
    monkeypatch.setattr("headend.collection.poller.utc_now", found.now)
    return found


@pytest.fixture
def plant(headend: Headend, conninfo: str, tmp_path: Path, clocks: Clocks) -> Iterator[Path]:
    file = tmp_path / "headend.toml"
    file.write_text(configuration(conninfo) + "[clock]\ntrust_host = true\n", encoding="utf-8")
    with clocks.on_tcp() as url:
        for number in (1, 2, 3, 4):
            words = ["--address", f"{number:012}", "--model", "dlt645_2007", "--line", "l", "--link", url]
            ran = headend("--config", file, "meter", "add", f"m{number}", *words)
            assert ran.code == 0, ran.err
        yield file


@pytest.mark.postgres
def test_a_line_is_surveyed_and_told_the_time(headend: Headend, plant: Path, clocks: Clocks) -> None:
    tool = ("--config", plant, "--json", "clock")
    assert {row["class"] for row in headend(*tool).documents} == {"unknown"}
    refused = headend(*tool, "sync", "m1", *QUICK)
    assert (refused.code, refused.document["allowed"], refused.document["told"]) == (1, False, None)
    assert [r["rule"] for r in refused.document["rules"] if not r["kept"]] == ["offset known"]

    found = headend(*tool, "survey", "--line", "l", *QUICK)
    assert found.code == 0, found.err
    assert [(row["meter"], row["class"]) for row in found.documents] == [
        ("m1", "sync"), ("m2", "ok"), ("m3", "quarantine"), ("m4", "quarantine"),
    ]  # fmt: skip
    assert [row["fault"] for row in found.documents] == [None, None, None, "no_time"]
    assert all(abs(row["offset_ms"] - off) <= row["uncertainty_ms"] for row, off in zip(
        found.documents, (20_000, -1_000, 4_000_000), strict=False,
    ))  # fmt: skip
    (listed,) = headend(*tool, "list", "--class", "sync").documents
    assert (listed["meter"], listed["line"], listed["drift_ppm"]) == ("m1", "l", None)
    (stats,) = headend(*tool, "stats").documents
    assert (stats["model"], stats["meters"], stats["read"]) == ("dlt645_2007", 4, 3)
    assert stats["classes"] == {"sync": 1, "ok": 1, "quarantine": 2}
    assert "50.0 %" in headend("--config", plant, "clock", "stats", "--by", "line").out

    dry = headend(*tool, "sync", "l", "--line", "--dry-run", *QUICK)
    assert (dry.code, dry.document["allowed"], dry.document["told"]) == (0, True, None)
    assert clocks.off["000000000001"] == 20.0
    told = headend(*tool, "sync", "l", "--line", "--by", "Li", *QUICK)
    assert told.document["allowed"]
    results = {row["meter"]: row["result"] for row in told.document["meters"]}
    assert {name: results[name] for name in ("m1", "m2", "m3")} == {"m1": "taken", "m2": "taken", "m3": "taken"}
    assert abs(clocks.off["000000000001"]) < 1.5
    log = headend(*tool, "log").documents
    assert {(row["meter"], row["actor"], row["way"]) for row in log} == {
        (f"m{n}", "Li", "broadcast") for n in (1, 2, 3, 4)
    }
    kept = headend(*tool[:-1], "audit", "show").documents
    assert [row["action"] for row in kept] == ["tell_time", "time_told", "time_read_back"]
    assert {row["by"] for row in kept} == {account()}, "who it is, not who he says"
    assert headend("--config", plant, "audit", "verify").code == 0
    again = headend("--config", plant, "clock", "sync", "m1", *QUICK)
    assert again.code == 1
    assert "once a day" in again.out
    assert "nothing was sent" in again.out


@pytest.mark.postgres
def test_s12_where_all_is_stopped_nobody_is_told(headend: Headend, plant: Path, clocks: Clocks) -> None:
    tool = ("--config", plant, "--json")
    assert headend(*tool, "clock", "survey", "--line", "l", *QUICK).code == 0
    assert headend(*tool, "command", "stop", "--local", "--why", "a test").code == 0
    for words in (["l", "--line"], ["m1"], ["m1", "--dry-run"]):
        refused = headend(*tool, "clock", "sync", *words, *QUICK)
        assert (refused.code, refused.document["told"]) == (1, None)
        assert [r["because"] for r in refused.document["rules"] if not r["kept"]] == ["everything is stopped"]
    assert clocks.off["000000000001"] == 20.0
    shown = headend("--config", plant, "clock", "sync", "l", "--line", *QUICK)
    assert ("everything is stopped" in shown.out, "nothing was sent" in shown.out) == (True, True)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["survey"], 2, "METER"),
        (["survey", "m1", "--line", "l"], 2, "METER"),
        (["survey", "--line", "nowhere"], 1, "nowhere"),
        (["sync", "m9"], 1, "m9"),
        (["list", "m9"], 1, "m9"),
        (["log", "--since", "yesterday"], 2, "yesterday"),
    ],
)
def test_what_cannot_be(headend: Headend, plant: Path, words: list[str], code: int, said: str) -> None:
    ran = headend("--config", plant, "clock", *words)
    assert (ran.code, said in ran.err) == (code, True), ran.err
