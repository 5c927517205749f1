"""Final bills: kept once, found unchanged, told where reads changed, superseded with the difference, gone on from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.headend.billing.site import read
from tests.headend.command import Headend, Ran

IMPORT = "active_energy_import"
FIRST, LAST = "2026-04-01T00:00:00+08:00", "2026-05-01T00:00:00+08:00"


@pytest.fixture
def bill(headend: Headend, billed: Path, conninfo: str) -> Any:
    """`headend bill ...` on a site where `roof` was read at the end of March, and by a person at the end of April."""
    read(conninfo, "m3", "2026-01-02T00:00:00+08:00", "1000", "600", "400")  # its first meter is put up
    read(conninfo, "m3", FIRST, "1000", "600", "400")
    by_hand(headend, billed, "2026-05-01T08:00:00+08:00", 1300, 800, 500)
    return lambda *words: headend("bill", *words, "--json", "--config", billed)


def by_hand(headend: Headend, site: Path, time: str, *values: int, kind: str = "hand-held") -> None:
    words = ["--time", time, "--kind", kind, "--reason", "site visit", "--by", "wang"]
    for name, value in zip((IMPORT, f"{IMPORT}_t2", f"{IMPORT}_t4"), values, strict=True):
        words += ["--quantity", f"{name}={value}"]
    ran = headend("register-read", "add", "roof", *words, "--config", site)
    assert ran.code == 0, ran.err


def final(bill: Any, cycle: str, *more: str) -> Ran:
    ran: Ran = bill("roof", "--cycle", cycle, "--final", "--by", "li", *more)
    return ran


def test_a_bill_is_computed_kept_and_found_unchanged(bill: Any, headend: Headend, billed: Path, conninfo: str) -> None:
    told = bill("roof", "--cycle", "2026-04").document
    assert told["total"] == "150.00"
    assert bill("list").out == ""
    kept = final(bill, "2026-04").document
    assert (kept["state"], kept["version"], kept["total"]) == ("billed", 1, "150.00")
    assert final(bill, "2026-04").document["state"] == "unchanged"
    (listed,) = bill("list", "--cycle", "2026-04").documents
    assert (listed["point"], listed["total"], listed["energy"], listed["by"]) == ("roof", "150.00", "300.0000", "li")
    shown = bill("show", str(listed["id"])).document
    assert shown["lines"] == kept["lines"]
    assert [(use["register"], use["stop"]["type"]) for use in shown["registers"]] == [
        (IMPORT, "manual"), (f"{IMPORT}_t2", "manual"), (f"{IMPORT}_t4", "manual"),
    ]  # fmt: skip
    assert shown["registers"][0]["stop"]["time"] == "2026-05-01T00:00:00+00:00"
    people = headend("bill", "show", listed["id"], "--config", billed)
    assert "200 kWh x 0.6 CNY/kWh = 120" in people.out
    assert "total: 150.00 CNY" in people.out
    file = billed.parent / "tariffs" / "any.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text("", encoding="utf-8")
    assert bill("show", str(listed["id"]), "--tariff-text").document["text"] == text
    with psycopg.connect(conninfo) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE bill SET total = 0")


def test_a_changed_read_is_told_and_superseded_line_by_line(bill: Any, headend: Headend, billed: Path) -> None:
    assert final(bill, "2026-04").code == 0
    for each in headend("register-read", "list", "--json", "--config", billed).documents:
        gone = ["withdraw", each["id"], "--reason", "misread"]
        assert headend("register-read", *gone, "--config", billed).code == 0
    by_hand(headend, billed, "2026-05-01T08:00:00+08:00", 1310, 810, 500)
    changed = bill("run", "--cycle", "2026-04", "--point", "roof")
    assert changed.code == 1
    one, summary = changed.documents
    assert (one["state"], one["before"], one["total"]) == ("changed", "150.00", "156.00")
    assert (summary["changed"], summary["billed"]) == (1, 0)
    assert final(bill, "2026-04").code == 1
    done = bill("run", "--cycle", "2026-04", "--point", "roof", "--supersede", "misread in May")
    assert done.code == 0
    assert (done.documents[0]["state"], done.documents[0]["version"]) == ("superseded", 2)
    (new,) = bill("list").documents
    assert (new["version"], new["total"], new["reason"]) == (2, "156.00", "misread in May")
    difference = bill("show", str(new["id"])).document["difference"]
    assert difference["amount"] == "6"
    assert [(line["id"], line["before"]["quantity"], line["after"]["quantity"]) for line in difference["lines"]] == [
        ("energy.peak", "200", "210"), ("tier", "300", "310"),
    ]  # fmt: skip
    assert [use["register"] for use in difference["registers"]] == [IMPORT, f"{IMPORT}_t2"]
    old = bill("list", "--superseded").documents[-1]
    assert bill("diff", str(old["id"]), str(new["id"])).document["amount"] == "6"
    assert bill("run", "--cycle", "2026-04").documents[-1]["unchanged"] == 1


def test_the_next_cycle_goes_on_from_the_kept_bill(bill: Any, headend: Headend, billed: Path, conninfo: str) -> None:
    """From its position in the year's steps, and from its registers: what an estimate was too high is made up for."""
    read(conninfo, "m3", "2026-06-01T00:00:00+08:00", "2400", "1400", "1000")
    kept = final(bill, "2026-04", "--carried", "tier=600").document
    assert kept["carried"]["tier"]["kwh"] == "900"
    may = final(bill, "2026-05").document
    steps = [(line["quantity"], line["price"]) for line in may["lines"] if line["kind"] == "tier"]
    assert steps == [("100", "0"), ("1000", "0.1")]
    assert may["registers"][0]["start"] == {
        "time": "2026-05-01T00:00:00+00:00", "value": "1300", "type": "manual",
    }  # fmt: skip
    read(conninfo, "m3", LAST, "1295", "798", "497")  # comes late: the freeze of the bound itself
    assert bill("roof", "--cycle", "2026-05").document["registers"][0]["start"]["value"] == "1300"
    told = bill("run", "--cycle", "2026-04", "--point", "roof")
    assert (told.code, told.documents[0]["state"]) == (1, "changed")
    more = ["--point", "roof", "--supersede", "read by the meter"]
    assert bill("run", "--cycle", "2026-04", *more).code == 0
    again = bill("run", "--cycle", "2026-05", *more).documents[0]
    assert (again["state"], again["version"]) == ("superseded", 2)


def test_an_estimated_read_is_told_and_made_up_for(bill: Any, headend: Headend, billed: Path, conninfo: str) -> None:
    assert final(bill, "2026-04").code == 0
    by_hand(headend, billed, "2026-06-01T00:00:00+08:00", 1700, 1000, 700, kind="estimated")
    may = final(bill, "2026-05").document
    assert "400 of 400 kWh are estimated" in may["notes"]
    read(conninfo, "m3", "2026-07-01T00:00:00+08:00", "1750", "1040", "710")
    june = final(bill, "2026-06").document
    assert (june["registers"][0]["start"]["type"], june["registers"][0]["energy"]) == ("estimated", "50")
    billed_kwh = sum(Decimal(each["energy"]) for each in bill("list").documents)
    assert billed_kwh == 750  # as the registers went, over the estimate


def test_a_run_bills_all_points_and_refuses_with_reasons(bill: Any, headend: Headend, billed: Path) -> None:
    """`home` has a tariff and no reads; points without a tariff are counted."""
    dry = bill("run", "--cycle", "2026-04", "--dry-run")
    assert (dry.code, dry.documents[-1]["billed"], bill("list").out) == (1, 1, "")
    ran = bill("run", "--cycle", "2026-04", "--by", "li")
    assert ran.code == 1
    refused, summary = ran.documents
    assert (refused["point"], refused["state"]) == ("home", "refused")
    assert "the register of meter m2 at 2026-03-31T16:00:00+00:00 is not known" in refused["reason"]
    assert (summary["points"], summary["billed"], summary["refused"]) == (2, 1, 1)
    assert summary["totals"] == {"CNY": "150.00"}
    again = bill("run", "--cycle", "2026-04").documents[-1]
    assert (again["billed"], again["unchanged"], again["refused"]) == (0, 1, 1)
    only = bill("run", "--cycle", "2026-04", "--point", "roof")
    assert (only.code, only.documents[-1]["points"]) == (0, 1)
    area = bill("run", "--cycle", "2026-04", "--tariff-area", "台区1")
    assert (area.code, area.documents[-1]["points"]) == (0, 1)
    people = headend("bill", "run", "--cycle", "2026-04", "--config", billed)
    assert "home" in people.out
    assert "refused" in people.out


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--cycle", "2026-04"], 2, "name one usage point"),
        (["roof", "home", "--cycle", "2026-04"], 2, "unrecognized arguments: home"),
        (["roof"], 2, "--cycle YYYY-MM is missing"),
        (["run"], 2, "--cycle YYYY-MM is missing"),
        (["roof", "--cycle", "2026-04", "--supersede", "x"], 2, "--supersede goes with --final"),
        (["roof", "--cycle", "2026-04", "--dry-run"], 2, "unrecognized arguments: --dry-run"),
        (["run", "roof", "--cycle", "2026-04"], 2, "unrecognized arguments: roof"),
        (["run", "--cycle", "2026-04", "--point", "none"], 1, "no usage point named 'none'"),
        (["--point", "run", "--cycle", "2026-04"], 1, "no usage point named 'run'"),
        (["--cycle", "2026-04", "none"], 1, "no usage point named 'none'"),
        (["show", "x"], 2, "invalid int value: 'x'"),
        (["show", "77"], 1, "no bill with number 77"),
        (["diff", "77"], 2, "the following arguments are required: NEW"),
    ],
)
def test_what_is_wrongly_asked_is_told(bill: Any, words: list[str], code: int, reason: str) -> None:
    ran = bill(*words)
    assert ran.code == code
    assert reason in ran.document["error"]["message"]
