"""`headend register-read`: what persons read goes in checked against its neighbours, and stays when it is withdrawn."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.headend.billing.site import read
from tests.headend.command import Headend

IMPORT = "active_energy_import"
T = "2026-04-01T09:00:00+08:00"


@pytest.fixture
def known(headend: Headend, billed: Path, conninfo: str) -> Path:
    """m3 at `roof` was read as 1000 at the end of March and as 1300 at the end of April."""
    read(conninfo, "m3", "2026-04-01T00:00:00+08:00", "1000", "600", "400")
    read(conninfo, "m3", "2026-05-01T00:00:00+08:00", "1300", "800", "500")
    return billed


def test_entered_listed_and_withdrawn(headend: Headend, known: Path, conninfo: str) -> None:
    words = ["--time", T, "--quantity", f"{IMPORT}=1001.5", "--quantity", "1-0:1.8.2=600.5", "--by", "wang"]
    ran = headend("register-read", "add", "roof", *words, "--json", "--config", known)
    assert (ran.code, ran.document["added"]) == (0, 2)
    again = headend("register-read", "add", "m3", *words, "--json", "--config", known)
    assert (again.code, again.document["added"]) == (0, 0)
    first = headend("register-read", "list", "roof", "--json", "--config", known).documents[0]
    assert (first["meter"], first["value"], first["kind"], first["by"]) == ("m3", "1001.5000", "manual", "wang")
    other = [*words[:2], "--quantity", f"{IMPORT}=1002"]
    taken = headend("register-read", "add", "m3", *other, "--config", known)
    assert taken.code == 1
    assert f"read as 1001.5 already (number {first['id']})" in taken.err
    gone = ["withdraw", first["id"], "--reason", "misread"]
    assert headend("register-read", *gone, "--config", known).code == 0
    assert "was withdrawn already" in headend("register-read", *gone, "--config", known).err
    assert len(headend("register-read", "list", "--json", "--config", known).documents) == 1
    listed = headend("register-read", "list", "--withdrawn", "--json", "--config", known).documents
    assert listed[0]["withdrawn"]["reason"] == "misread"
    assert headend("register-read", "add", "m3", *other, "--config", known).code == 0
    with psycopg.connect(conninfo) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE register_read SET value = 0")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["roof", "--time", T, "--quantity", f"{IMPORT}=999"], "below the last, 1000 of 2026-03-31T16:00:00+00:00"),
        (["roof", "--time", T, "--quantity", f"{IMPORT}=1301"], "above the next, 1300 of"),
        (["roof", "--time", T, "--quantity", f"{IMPORT}=1290"], "32.2 kW, expected 30 at most"),
        (["roof", "--time", "2990-01-01", "--quantity", f"{IMPORT}=1290"], "is in the future"),
        (["roof", "--time", "2020-01-01", "--quantity", f"{IMPORT}=1"], "no meter stood at usage point 'roof' then"),
        (["none", "--time", T, "--quantity", f"{IMPORT}=1"], "no meter or usage point named 'none'"),
        (["m3", "--time", T, "--quantity", f"{IMPORT}=-1"], "is below 0"),
        (["m3", "--time", T, "--quantity", f"{IMPORT}=1000.12345"], "more than 4 decimals"),
        (["m3", "--time", T, "--quantity", f"{IMPORT}=x"], "expected such as active_energy_import=1234.56"),
        (["m3", "--time", T, "--quantity", "voltage_l1=220"], "no register: it is instantaneous"),
        (["m3", "--time", T, "--quantity", f"{IMPORT}=1001", "--kind", "estimated"], "what is estimated or forced"),
    ],
)
def test_what_cannot_be_is_refused(headend: Headend, known: Path, words: list[str], reason: str) -> None:
    ran = headend("register-read", "add", *words, "--json", "--config", known)
    assert ran.code == 2
    assert reason in ran.document["error"]["message"]
    assert headend("register-read", "list", "--json", "--config", known).out == ""


def test_what_is_doubtful_is_taken_where_somebody_says_why(headend: Headend, known: Path) -> None:
    words = ["m3", "--time", T, "--quantity", f"{IMPORT}=999"]
    assert headend("register-read", "add", *words, "--force", "--config", known).code == 2
    forced = headend("register-read", "add", *words, "--force", "--reason", "reset", "--json", "--config", known)
    assert forced.code == 0
    assert "below the last" in forced.document["doubts"][0]["doubt"]


def test_a_file_goes_in_whole_or_not_at_all(headend: Headend, known: Path, tmp_path: Path) -> None:
    file = tmp_path / "reads.csv"
    heading = "meter,point,quantity,time,value,by\n"
    file.write_text(
        heading + f"m3,,{IMPORT},{T},1001,li\n,roof,{IMPORT},2026-04-02T09:00:00+08:00,1000.5,li\n,roof,x,{T},1,li\n"
        f",roof,{IMPORT},{T[:-6]},1,li\n,roof,{IMPORT},,,\n",
        encoding="utf-8",
    )
    ran = headend("register-read", "import", file, "--json", "--config", known)
    assert ran.code == 2
    assert [(row["row"], row["key"]) for row in ran.document["rows"]] == [
        (2, "value"), (3, "value"), (4, "quantity"), (5, "time"),
    ]  # fmt: skip
    assert "above the next, 1000.5" in ran.err
    assert headend("register-read", "list", "--json", "--config", known).out == ""
    good = heading + f"m3,,{IMPORT},{T},1001,li\n,roof,{IMPORT},2026-04-02T09:00:00+08:00,1010.5,\n,roof,{IMPORT},,,\n"
    file.write_text(good, encoding="utf-8")
    dry = headend("register-read", "import", file, "--dry-run", "--json", "--config", known).document
    assert (dry["read"], dry["empty"], dry["added"]) == (2, 1, 0)
    ran = headend("register-read", "import", file, "--by", "terminal 7", "--json", "--config", known)
    assert (ran.code, ran.document["added"]) == (0, 2)
    listed = headend("register-read", "list", "--json", "--config", known).documents
    assert [(read["by"], read["kind"]) for read in listed] == [("terminal 7", "hand-held"), ("li", "hand-held")]


def test_a_file_without_its_columns_is_refused(headend: Headend, known: Path, tmp_path: Path) -> None:
    file = tmp_path / "reads.csv"
    file.write_text(f"meter,quantity,time\nm3,{IMPORT},{T}\n", encoding="utf-8")
    ran = headend("register-read", "import", file, "--config", known)
    assert ran.code == 2
    assert "value: the file has no such column" in ran.err


def test_an_exchange_begins_anew(headend: Headend, known: Path) -> None:
    """The new meter's small register is not below the old one's, and the old one's last is what was stated."""
    swap = ["exchange", "m3", "m4", "--address", "4", "--at", "2026-04-20T10:00:00+08:00", "--by", "li"]
    swap += ["--final", f"{IMPORT}=1200", "--initial", f"{IMPORT}=0"]
    assert headend("meter", *swap, "--config", known).code == 0
    ok = ["roof", "--time", "2026-04-25T09:00:00+08:00", "--quantity", f"{IMPORT}=7"]
    assert headend("register-read", "add", *ok, "--config", known).code == 0
    high = ["roof", "--time", "2026-04-19T09:00:00+08:00", "--quantity", f"{IMPORT}=1201"]
    assert "above the next, 1200" in headend("register-read", "add", *high, "--config", known).err
