"""`headend plan`: what is due is a function of time and plans; what is left of it, of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headend.work.plan import Kind, Plan
from headend.work.schedule import Every
from headend.work.under_way import under_way
from tests.headend.command import Headend
from tests.headend.conftest import configuration

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

MORE = """
[[plan]]
name = "big ones"
kind = "records"
every = "15m"
collect = "1h"
delay = "5m"
quantities = ["active_energy_import"]
meters = { meter = ["m1"] }
[[plan]]
name = "journal"
kind = "events"
every = "1h"
"""


@pytest.mark.parametrize(
    ("plan", "moment", "slots"),
    [
        (Plan("p", Every(900)), AT, [0]),
        (Plan("p", Every(900)), AT + 14 * MINUTE, [0]),
        (Plan("p", Every(900), expires=5 * MINUTE), AT + 5 * MINUTE, []),
        (Plan("p", Every(900), delay=2 * MINUTE), AT + MINUTE, []),
        (Plan("p", Every(900), kind=Kind.RECORDS, collect=Every(3600), delay=5 * MINUTE), AT + 4 * MINUTE,
         [-120, -105, -90, -75]),
        (Plan("p", Every(900), kind=Kind.RECORDS, collect=Every(3600), delay=5 * MINUTE), AT + 5 * MINUTE,
         [-60, -45, -30, -15]),
    ],
)  # fmt: skip
def test_what_is_under_way(plan: Plan, moment: datetime, slots: list[int]) -> None:
    assert [job.slot for job in under_way(plan, moment)] == [AT + minutes * MINUTE for minutes in slots]


def test_list_and_due(headend: Headend, conninfo: str, tmp_path: Path) -> None:
    site = tmp_path / "headend.toml"
    site.write_text(configuration(conninfo) + MORE, encoding="utf-8")
    for number, line in ((1, "a"), (2, "a"), (3, "b")):
        words = ["--address", f"{number:012}", "--model", "dlt645_2007", "--line", line]
        link = ["--link", f"tcp://127.0.0.1:{number}"] if number != 2 else []
        assert headend("--config", site, "meter", "add", f"m{number}", *words, *link).code == 0
    listed = headend("--config", site, "plan", "list", "--json").documents
    assert [(row["plan"], row["kind"], row["when"], row["meters"]) for row in listed] == [
        ("curve", "registers", "every 15m", 3), ("big ones", "records", "every 15m", 1),
        ("journal", "events", "every 1h", 3),
    ]  # fmt: skip
    due = headend("--config", site, "plan", "due", "--at", "2026-11-22T12:10Z", "--json").documents
    assert [(row["line"], row["plan"], row["meters"], row["slots"]) for row in due] == [
        ("a", "curve", 2, 1), ("a", "big ones", 1, 4), ("a", "journal", 2, 1), ("b", "curve", 1, 1),
        ("b", "journal", 1, 1),
    ]  # fmt: skip
    assert [row["left"] for row in due] == [0, 0, None, 0, None], "no plan was stored by a daemon then"
    assert datetime.fromisoformat(due[1]["first"]) == AT - 60 * MINUTE
    assert datetime.fromisoformat(due[0]["expires"]) == AT + 15 * MINUTE
    assert "big ones" in headend("--config", site, "plan", "due", "--at", "2026-11-22T12:10Z").out
    of_line = headend("--config", site, "plan", "due", "--line", "b", "--json").documents
    assert {row["line"] for row in of_line} == {"b"}
    assert headend("--config", site, "plan", "due", "--line", "c").code == 2
