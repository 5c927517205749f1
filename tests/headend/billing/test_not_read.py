"""The not-read list: what no source tells, why, and where to go; filled in it goes in again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import psycopg

from tests.headend.billing.site import read
from tests.headend.command import Headend

RATES = ("active_energy_import", "active_energy_import_t2", "active_energy_import_t4")
FIRST, LAST = "2026-04-01T00:00:00+08:00", "2026-05-01T00:00:00+08:00"


def test_what_is_missing_is_listed_filled_in_and_billed(
    headend: Headend, billed: Path, conninfo: str, tmp_path: Path
) -> None:
    read(conninfo, "m3", "2026-01-02T00:00:00+08:00", "900", "550", "350")
    read(conninfo, "m3", FIRST, "1000", "600", "400")
    read(conninfo, "m3", "2026-04-28T00:00:00+08:00", "1290", "795", "495")
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO miss (meter_id, layout, time, reason, received)"
            " SELECT id, 1, %s, 'no_answer', now() FROM meter WHERE name = 'm3'",
            (LAST,),
        )
    listed = headend("register-read", "missing", "--cycle", "2026-04", "--point", "roof", "--json", "--config", billed)
    assert listed.code == 0
    assert [(row["quantity"], row["boundary"], row["last_value"]) for row in listed.documents] == [
        (RATES[0], LAST, "1290.0000"), (RATES[1], LAST, "795.0000"), (RATES[2], LAST, "495.0000"),
    ]  # fmt: skip
    told = listed.documents[0]
    assert (told["address"], told["area"], told["line"], told["meter_address"], told["misses"]) == (
        "3 Side Street", "台区1", "bus", "000000000003", "no_answer",
    )  # fmt: skip
    everywhere = headend("register-read", "missing", "--cycle", "2026-04", "--json", "--config", billed).documents
    assert {(row["point"], row["meter"], row["boundary"]) for row in everywhere} >= {("home", "m2", FIRST)}
    in_area = headend("register-read", "missing", "--cycle", "2026-04", "--area", "area 2", "--config", billed)
    assert "6 registers of 1 points are to be read" in in_area.out

    file = tmp_path / "to read.csv"
    words = ["register-read", "missing", "--cycle", "2026-04", "--point", "roof", "--csv"]
    text = headend(*words, "--config", billed).out
    file.write_text(text, encoding="utf-8")
    as_it_is = headend("register-read", "import", file, "--json", "--config", billed).document
    assert (as_it_is["read"], as_it_is["empty"], as_it_is["added"]) == (0, 3, 0)
    rows = list(csv.DictReader(io.StringIO(text)))
    for row, value in zip(rows, ("1300", "800", "500"), strict=True):
        row |= {"time": "2026-05-01T09:30:00+08:00", "value": value, "by": "wang"}
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    file.write_text(out.getvalue(), encoding="utf-8")
    ran = headend("register-read", "import", file, "--json", "--config", billed)
    assert (ran.code, ran.document["added"]) == (0, 3)
    assert headend(*words, "--config", billed).out.count("\n") == 1
    bill = headend("bill", "roof", "--cycle", "2026-04", "--json", "--config", billed)
    assert (bill.code, bill.document["total"]) == (0, "150.00")


def test_what_is_still_to_come_is_not_missing(headend: Headend, billed: Path) -> None:
    listed = headend("register-read", "missing", "--cycle", "2098-04", "--json", "--config", billed)
    assert (listed.code, listed.out) == (0, "")


def test_a_read_too_far_from_the_bound_does_not_stand_for_it(headend: Headend, billed: Path, conninfo: str) -> None:
    read(conninfo, "m3", FIRST, "1000", "600", "400")
    words = ["register-read", "add", "roof", "--time", "2026-05-01T13:00:00+08:00"]
    assert headend(*words, "--quantity", f"{RATES[0]}=1300", "--config", billed).code == 0
    listed = headend("register-read", "missing", "--cycle", "2026-04", "--point", "roof", "--json", "--config", billed)
    assert [row["quantity"] for row in listed.documents] == list(RATES)
