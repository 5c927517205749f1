"""`headend gaps` and `headend recollect`: a balance that adds up, however it is cut."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.headend.command import Headend

FROM, TO = "2026-11-20T00:00:00+08:00", "2026-11-22T00:00:00+08:00"
STATES = ("received", "recovered", "estimated", "unrecoverable", "open")


@pytest.fixture
def told(headend: Headend, site: Path, conninfo: str) -> Path:
    """Three meters on two lines, hourly for two days: one is whole, one dead, one recovered and given up in part."""
    with psycopg.connect(conninfo) as db:
        db.execute(
            "INSERT INTO line (name, url, protocol) VALUES ('l1', 'tcp://x:1', 'dlt645'), ('l2', 'tcp://x:2', 'dlt645')"
        )
        db.execute(
            """INSERT INTO meter (name, address, model, line_id, created)
               SELECT 'm' || n, n, 'dlt645_2007', l.id, '2026-11-01'
               FROM generate_series(1, 3) n JOIN line l ON l.name = 'l' || (n + 1) / 2"""
        )
        db.execute("INSERT INTO area (name) VALUES ('A')")
        db.execute(
            """INSERT INTO total_meter (meter_id, area_id, "from")
               SELECT m.id, a.id, '2026-11-01' FROM meter m, area a WHERE m.name = 'm2'"""
        )
        db.execute(
            """INSERT INTO plan (name, period_s, quantities, valid_from) SELECT 'hours', 3600, ARRAY[id], '2026-11-01'
               FROM quantity WHERE name = 'active_energy_import'"""
        )
        db.commit()  # a meter's life begins with it
        db.execute("SELECT capture_partition(d::date) FROM generate_series(date '2026-11-19', '2026-11-22', '1 day') d")
        db.execute(
            """INSERT INTO capture (meter_id, layout, source, time, received, v1)
               SELECT e.meter_id, e.layout, 0, e.time, e.time, 5 FROM expected(%(s)s, %(e)s, NULL) e
               JOIN meter m ON m.id = e.meter_id AND (m.name = 'm1' OR m.name = 'm3' AND e.time < %(h)s)""",
            {"s": FROM, "e": TO, "h": datetime.fromisoformat(TO) - timedelta(hours=10)},
        )
        db.execute(
            """INSERT INTO miss (meter_id, layout, time, reason, received, final)
               SELECT e.meter_id, e.layout, e.time, CASE m.name WHEN 'm2' THEN 'no_answer' ELSE 'not_kept' END, e.time,
                      m.name = 'm3'
               FROM expected(%(s)s, %(e)s, NULL) e JOIN meter m ON m.id = e.meter_id
               WHERE m.name = 'm2' AND e.time < %(h)s OR m.name = 'm3' AND e.time >= %(g)s""",
            {
                "s": FROM,
                "e": TO,
                "h": datetime.fromisoformat(FROM) + timedelta(hours=24),
                "g": datetime.fromisoformat(TO) - timedelta(hours=14),
            },
        )
    return site


def balance(headend: Headend, site: Path, *words: str) -> dict[str, int]:
    document = headend("--config", site, "gaps", *words, "--from", FROM, "--to", TO, "--json").document
    return {key: document[key] for key in ("expected", *STATES)}


def test_it_adds_up(headend: Headend, told: Path) -> None:
    found = balance(headend, told)
    assert list(found.values()) == [144, 82, 4, 0, 10, 48]
    assert found["expected"] == sum(found[state] for state in STATES)
    assert balance(headend, told, "m2") == {
        "expected": 48, "received": 0, "recovered": 0, "estimated": 0, "unrecoverable": 0, "open": 48,
    }  # fmt: skip


@pytest.mark.parametrize("by", ["day", "meter", "line", "area", "reason"])
def test_however_it_is_cut_it_is_the_same(headend: Headend, told: Path, by: str) -> None:
    document = headend("--config", told, "gaps", "--from", FROM, "--to", TO, "--by", by, "--json").document
    rows = document["rows"]
    for state in STATES[3:] if by == "reason" else STATES:
        assert sum(row[state] for row in rows) == document[state]
    names = [row[by] for row in rows]
    expected = {
        "day": ["2026-11-20", "2026-11-21"],
        "meter": ["m2", "m3", "m1"],
        "line": ["l1", "l2"],
        "area": ["A", ""],
        "reason": ["no_answer", "not_collected", "not_kept"],
    }
    assert names == expected[by]


def test_rows_of_a_state_alone(headend: Headend, told: Path) -> None:
    words = ["gaps", "--from", FROM, "--to", TO, "--by", "meter", "--state", "unrecoverable"]
    assert [row["meter"] for row in headend("--config", told, *words, "--json").document["rows"]] == ["m3"]


def test_the_slots_themselves(headend: Headend, told: Path) -> None:
    words = ["gaps", "m2", "m3", "--from", FROM, "--to", TO, "--list", "--limit", "60"]
    found = headend("--config", told, *words, "--json").documents
    assert len(found) == 58
    assert [slot["time"] for slot in found] == sorted((slot["time"] for slot in found), reverse=True)
    assert {(s["meter"], s["state"], s["reason"], s["tries"]) for s in found} == {
        ("m2", "open", "no_answer", 1), ("m2", "open", "not_collected", 0), ("m3", "unrecoverable", "not_kept", 1),
    }  # fmt: skip
    assert found[0]["lacking"] == ["active_energy_import"]


def test_for_people(headend: Headend, told: Path) -> None:
    total = headend("--config", told, "gaps", "--from", FROM, "--to", TO)
    assert "expected 144, received 82, recovered 4, estimated 0, unrecoverable 10, open 48" in total.out
    assert "not_kept 10" in total.out
    assert "m2" in headend("--config", told, "gaps", "--from", FROM, "--to", TO, "--by", "meter").out
    assert "no_answer" in headend("--config", told, "gaps", "--from", FROM, "--to", TO, "--list").out


def test_recollect_opens_what_was_given_up(headend: Headend, told: Path) -> None:
    ran = headend("--config", told, "recollect", "m3", "--from", FROM, "--to", TO, "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["reopened"], ran.document["open"], ran.document["daemon"]) == (10, 10, False)
    assert list(balance(headend, told, "m3").values()) == [48, 34, 4, 0, 0, 10]
    assert "no daemon lives" in headend("--config", told, "recollect", "--from", FROM, "--to", TO).out


@pytest.mark.parametrize(
    ("words", "told_so"),
    [
        (["gaps", "nobody"], "no meter named 'nobody'"),
        (["gaps", "--from", TO, "--to", FROM], "is not before"),
        (["gaps", "--by", "day", "--list"], "exclude"),
        (["gaps", "--state", "open"], "--by or --list"),
        (["gaps", "--limit", "0"], "--limit"),
        (["recollect", "nobody", "--from", FROM], "no meter named 'nobody'"),
        (["recollect", "--from", TO, "--to", FROM], "is not before"),
    ],
)
def test_what_cannot_be_meant(headend: Headend, site: Path, words: list[str], told_so: str) -> None:
    ran = headend("--config", site, *words)
    assert (ran.code, told_so in ran.err) == (2, True)
