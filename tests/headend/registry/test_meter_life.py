"""`headend meter exchange, suspend, ..., history`, `headend area`, `headend point`: through the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headend.errors import UsageFault
from headend.local_time import instant
from storage.registry import Registry
from storage.writer import Writer
from tests.headend.command import Headend
from tests.headend.registry.test_registry_folder import folder as folder
from tests.storage.captures import capture

AT = "2026-06-01T10:00:00+08:00"
FINAL, INITIAL = "active_energy_import=2000.5", "1-0:1.8.0=0.25"
EXCHANGE = [
    "exchange", "m3", "m4", "--address", "4", "--at", AT, "--final", FINAL, "--initial", INITIAL, "--by", "li",
]  # fmt: skip


@pytest.fixture
def told(headend: Headend, site: Path, folder: Path, conninfo: str) -> Path:
    """A site with the folder's registry and some readings of m3."""
    assert headend("meter", "import", folder, "--config", site).code == 0
    read(conninfo, "m3", "2026-05-01T00:00:00+08:00", "1500")
    return site


def read(conninfo: str, meter: str, time: str, value: str) -> None:
    async def store() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            steps = int(value.replace(".", "")) * 10 ** (4 - len(value.partition(".")[2]))
            at = datetime.fromisoformat(time).astimezone(UTC)
            await writer.write([capture((await known.meter(meter)).id, at, values=(steps,))])

    asyncio.run(store())


def test_an_exchange_and_what_was_used(headend: Headend, told: Path, conninfo: str) -> None:
    ran = headend("--config", told, "meter", *EXCHANGE, "--json")
    assert (ran.code, ran.document) == (
        0,
        {"old": "m3", "new": "m4", "at": AT, "point": "roof", "measures": None, "later_captures": 0},
    )
    read(conninfo, "m4", "2026-06-02T00:00:00+08:00", "3.5")
    changed = ["multiplier", "m4", "40", "--at", "2026-06-02T00:00:00+08:00", "--reason", "CT 200/5"]
    assert headend("--config", told, "meter", *changed, "--register", "1-0:1.8.0=3.5", "--json").code == 0
    read(conninfo, "m4", "2026-06-03T00:00:00+08:00", "4")
    span = ["--from", "2026-05-01T00:00:00+08:00", "--to", "2026-06-03T00:00:00+08:00"]
    used = headend("--config", told, "point", "use", "roof", *span, "--json").document
    assert (used["value"], used["unit"], used["unmeasured"]) == ("523.7500", "kWh", [])
    assert [(s["meter"], s["initial"], s["final"], s["multiplier"], s["value"]) for s in used["segments"]] == [
        ("m3", "1500.0000", "2000.5000", "1", "500.5000"),
        ("m4", "0.2500", "3.5000", "1", "3.2500"),
        ("m4", "3.5000", "4.0000", "40", "20.0000"),
    ]
    assert "active_energy_import: 523.7500 kWh" in headend("--config", told, "point", "use", "roof", *span).out
    ran = headend("--config", told, "point", "use", "roof", *span[:3], "2026-06-03T00:15:00+08:00", "--json")
    assert ran.code == 1
    assert "the register of meter m4 at 2026-06-02T16:15:00+00:00 is not known" in ran.document["error"]["message"]
    assert headend("--config", told, "point", "use", "attic", *span).code == 1
    assert headend("--config", told, "point", "use", "roof", *span, "--quantity", "voltage_l1").code == 2
    history = headend("--config", told, "meter", "history", "m4", "--json").documents
    assert [(row["what"], row["value"]) for row in history] == [
        ("state", "active"),
        ("stands at", "roof"),
        ("exchange", "m3 -> m4"),
        ("initial register", "0.2500"),
        ("multiplier", "40"),
        ("final register", "3.5000"),
        ("initial register", "3.5000"),
    ]
    assert "CT 200/5" in headend("--config", told, "meter", "history", "m4").out
    shown = headend("--config", told, "point", "show", "roof", "--json").document
    assert [(m["name"], m["to"] is None) for m in shown["meters"]] == [("m3", False), ("m4", True)]
    assert (shown["category"], [a["name"] for a in shown["areas"]]) == ("pv", ["台区1"])


def changed(*pairs: str) -> list[str]:
    """The exchange with other words."""
    words = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return [words.get(word, word) for word in EXCHANGE]


def test_what_is_refused(headend: Headend, told: Path) -> None:
    wrong = [
        (changed(FINAL, "active_energy_import=1499.9"), 1, "less than 1500 known since"),
        (changed(FINAL, "active_energy_import"), 2, "expected QUANTITY=VALUE"),
        (changed(FINAL, "active_energy_import=x"), 2, "'x' is no number"),
        (changed(FINAL, "active_energy_import=1.23456"), 2, "more than 4 decimals"),
        (changed(INITIAL, "1-0:2.8.0=1"), 1, "states the final and the initial register of every quantity"),
        (changed("m3", "m7"), 1, "no meter named 'm7'"),
        (changed("4", "total"), 2, "address"),
        (changed("4", "9"), 2, "000000000009 is meter 'total'"),
        (changed(AT, "yesterday"), 2, "is no time"),
        (changed(AT, "9998-01-01T00:00:00Z"), 2, "is yet to come"),
        (["suspend", "m3", "m1"], 1, "a meter that is removed does not become suspended"),
        (["suspend", "m3", "m9"], 1, "m9"),
        (["scrap", "m3"], 1, "a meter that is active does not become scrapped"),
        (["multiplier", "m3", "0"], 2, "expected a number above 0"),
        (["remove", "m3", "--force"], 1, "what is forced needs a reason"),
        (["history", "m9"], 1, "no meter named 'm9'"),
    ]
    for words, code, said in wrong:
        ran = headend("--config", told, "meter", *words)
        assert (ran.code, said in ran.err) == (code, True), (words, ran.err)
    states = [m["state"] for m in headend("--config", told, "meter", "list", "--json").documents]
    assert states == ["removed", "active", "active", "active"]
    forced = [*changed(FINAL, "active_energy_import=1499.9"), "--force", "--reason", "display was wrong"]
    assert headend("--config", told, "meter", *forced).code == 0


def test_a_meter_is_suspended_resumed_removed_scrapped(headend: Headend, told: Path) -> None:
    for words, state in (
        (["suspend", "m3", "total"], "suspended"),
        (["resume", "m3"], "active"),
        (["remove", "m3", "--final", FINAL], "removed"),
        (["scrap", "m3", "--reason", "broken"], "scrapped"),
    ):
        ran = headend("--config", told, "meter", *words, "--json")
        assert (ran.code, ran.documents[0]["meter"], ran.documents[0]["state"]) == (0, "m3", state)
    shown = headend("--config", told, "meter", "show", "m3", "--json").document
    assert shown["state"] == "scrapped"
    assert shown["points"][0]["to"] is not None


def test_areas_as_they_were(headend: Headend, told: Path) -> None:
    def area(*words: object) -> list[Any]:
        ran = headend("--config", told, "area", *words, "--json")
        assert ran.code == 0
        return list(ran.documents)

    january, may = ("2026-01-15T00:00:00+08:00", "2026-05-15T00:00:00+08:00")
    rows = {
        at: [(a["name"], a["feeder"], a["totals"], a["points"], a["meters"]) for a in area("list", "--at", at)]
        for at in (january, may)
    }
    assert rows == {
        january: [("area 2", None, [], 0, 0), ("台区1", "10kV 东线", ["total"], 2, 2)],
        may: [("area 2", None, [], 1, 1), ("台区1", "10kV 东线", [], 1, 1)],
    }
    (shown,) = area("show", "area 2", "--at", may)
    assert shown["points"] == [{"name": "home", "phase": "three-phase", "branch": None, "meters": ["m2"]}]
    assert headend("--config", told, "area", "show", "area 9").code == 1
    tree = headend("--config", told, "area", "tree", "--at", may).out
    assert tree.splitlines() == [
        "10kV 东线  [total total]", "  台区1", "    roof  m3", "(no feeder)", "  area 2", "    home  three-phase  m2",
    ]  # fmt: skip
    moved = ["point", "move", "home", "台区1", "--phase", "L2", "--branch", "b7", "--at", "2026-06-01T00:00:00+08:00"]
    assert headend("--config", told, *moved).code == 0
    assert headend("--config", told, *moved).code == 1, "it cannot leave where it comes"
    area("move", "area 2", "10kV 东线", "--at", "2026-06-01T00:00:00+08:00")
    assert [(a["name"], a["feeder"], a["points"]) for a in area("list")] == [
        ("area 2", "10kV 东线", 0),
        ("台区1", "10kV 东线", 2),
    ]


def test_a_time_that_is_two_or_none_needs_its_offset() -> None:
    berlin, now = ZoneInfo("Europe/Berlin"), datetime(2026, 1, 1, tzinfo=UTC)
    assert instant(None, berlin, now) == now
    assert instant("2026-10-25T01:30:00", berlin, now).astimezone(UTC) == datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    early, late = (instant(f"2026-10-25T02:30:00{offset}", berlin, now) for offset in ("+02:00", "+01:00"))
    assert late - early == timedelta(hours=1)
    for text, said in (
        ("2026-10-25T02:30:00", "comes twice"),
        ("2026-03-29T02:30:00", "does not come"),
        ("then", "is no time"),
        ("0001-01-01", "expected a year"),
    ):
        with pytest.raises(UsageFault, match=said):
            instant(text, berlin, now)
