"""`headend tariff check | rate` on files, `headend bill` on a database, over an exchange and multipliers."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from storage.registry import Registry
from storage.writer import Writer
from tests.headend.billing.site import TARIFF, read
from tests.headend.command import Headend
from tests.headend.registry.test_registry_folder import folder as folder
from tests.storage.captures import capture


def sample(name: str) -> str:
    return str(resources.files("analytics.billing.tariffs") / name)


@pytest.fixture
def billed(headend: Headend, site: Path, folder: Path, conninfo: str) -> Path:
    """m3 stands at `roof`, read at the ends of April and May; the tariff lies in the default folder."""
    points = folder / "points.csv"
    points.write_text(points.read_text(encoding="utf-8").replace("roof,,,pv", "roof,,step,pv"), encoding="utf-8")
    assert headend("meter", "import", folder, "--config", site).code == 0
    (site.parent / "tariffs").mkdir()
    (site.parent / "tariffs" / "any.toml").write_text(TARIFF, encoding="utf-8")
    read(conninfo, "m3", "2026-04-01T00:00:00+08:00", "1000", "600", "400")
    read(conninfo, "m3", "2026-05-01T00:00:00+08:00", "1300", "800", "500")
    return site


def test_a_bill_from_boundary_reads(headend: Headend, billed: Path) -> None:
    ran = headend("bill", "roof", "--cycle", "2026-04", "--carried", "tier=900", "--json", "--config", billed)
    assert (ran.code, ran.err) == (0, "")
    bill = ran.document
    assert bill["total"] == "170.00"
    assert [(line["id"], line["quantity"], line["amount"]) for line in bill["lines"]] == [
        ("energy.peak", "200", "120.00"),
        ("energy.valley", "100", "30.00"),
        ("tier", "100", "0.00"),
        ("tier", "200", "20.00"),
    ]
    assert bill["carried"] == {"tier": {"since": "2026-01-01", "kwh": "1200", "until": "2026-05-01"}}
    assert [(r["band"], r["start"]["value"], r["stop"]["value"]) for r in bill["registers"]] == [
        ("total", "1000", "1300"), ("peak", "600", "800"), ("valley", "400", "500"),
    ]  # fmt: skip
    assert bill["determinants"]["completeness"] == "1"
    shown = headend("bill", "roof", "--cycle", "2026-04", "--carried", "tier=900", "--config", billed)
    assert "200 kWh x 0.6 CNY/kWh = 120" in shown.out
    assert "total: 170.00 CNY" in shown.out


def test_the_position_in_the_years_steps_is_read_from_registers(headend: Headend, billed: Path, conninfo: str) -> None:
    read(conninfo, "m3", "2026-06-01T00:00:00+08:00", "2400", "1400", "1000")
    year = sample("cn_residential_year_steps.toml")
    from_may = Path(billed.parent / "may.toml")
    from_may.write_text(f'year_start = "05-01"\n{Path(year).read_text(encoding="utf-8")}', encoding="utf-8")
    read(conninfo, "m3", "2026-07-01T00:00:00+08:00", "4400", "2400", "2000")
    ran = headend("bill", "roof", "--cycle", "2026-06", "--tariff", from_may, "--json", "--config", billed)
    assert ran.code == 0
    steps = [(line["quantity"], line["price"]) for line in ran.document["lines"] if line["kind"] == "tier"]
    assert steps == [("1420", "0"), ("580", "0.05")]  # 1100 kWh in May
    assert ran.document["carried"]["tier"] == {"since": "2026-05-01", "kwh": "3100", "until": "2026-07-01"}


def test_an_exchange_and_a_new_multiplier_within_a_cycle(headend: Headend, billed: Path, conninfo: str) -> None:
    swap = ["exchange", "m3", "m4", "--address", "4", "--at", "2026-04-20T10:00:00+08:00", "--multiplier", "10"]
    values = (("active_energy_import", "1200", "0"), ("active_energy_import_t2", "700", "0"),
              ("active_energy_import_t4", "500", "0"))  # fmt: skip
    for name, final, initial in values:
        swap += ["--final", f"{name}={final}", "--initial", f"{name}={initial}"]
    assert headend("meter", *swap, "--by", "li", "--config", billed).code == 0
    read(conninfo, "m4", "2026-05-01T00:00:00+08:00", "30", "20", "10")
    ran = headend("bill", "roof", "--cycle", "2026-04", "--carried", "tier=0", "--json", "--config", billed)
    assert ran.code == 0
    assert [(r["meter"], r["multiplier"], r["energy"]) for r in ran.document["registers"] if r["band"] == "total"] == [
        ("m3", "1", "200"), ("m4", "10", "300"),
    ]  # fmt: skip
    energy = {line["id"]: line["quantity"] for line in ran.document["lines"] if line["kind"] == "energy"}
    assert energy == {"energy.peak": "300", "energy.valley": "200"}


CLOCK = """
name = "clock"
currency = "CNY"
zone = "Asia/Shanghai"
[[version]]
valid_from = 2025-01-01
[[version.schedule]]
bands = { valley = ["00:00-08:00", "22:00-24:00"], peak = ["08:00-22:00"] }
[[version.energy]]
prices = { peak = 0.6, valley = 0.3 }
"""


async def read_at_changes(conninfo: str, meter: str, leave_out: int | None) -> None:
    """August: 2 kWh each night, 5 each day, the total read when the band changes, but not on one day at 08:00."""
    async with Registry(conninfo) as known, Writer(conninfo) as writer:
        meter_id = (await known.meter(meter)).id
        midnight = datetime.fromisoformat("2026-08-01T00:00:00+08:00").astimezone(UTC)
        register, captures = 0, []
        for number in range(31):
            for hour, used in ((0, 1), (8, 5), (22, 1)):
                if (number, hour) != (leave_out, 8):
                    at = midnight + timedelta(days=number, hours=hour)
                    captures.append(capture(meter_id, at, values=(register * 10_000,)))
                register += used
        await writer.write([*captures, capture(meter_id, midnight + timedelta(days=31), values=(register * 10_000,))])


@pytest.mark.parametrize("leave_out", [None, 9])
def test_bands_that_the_meter_does_not_know(
    headend: Headend, billed: Path, conninfo: str, tmp_path: Path, leave_out: int | None
) -> None:
    """From the total register at each change of the band: all of them, or the bill is refused."""
    file = tmp_path / "clock.toml"
    file.write_text(CLOCK, encoding="utf-8")
    asyncio.run(read_at_changes(conninfo, "m3", leave_out))
    ran = headend("bill", "roof", "--cycle", "2026-08", "--tariff", file, "--json", "--config", billed)
    if leave_out is None:
        energy = {line["id"]: line["quantity"] for line in ran.document["lines"]}
        assert (energy, ran.document["total"]) == ({"energy.peak": "155", "energy.valley": "62"}, "111.60")
        return
    assert ran.code == 1
    assert "the register of meter m3 at 2026-08-10T00:00:00+00:00 is not known" in ran.document["error"]["message"]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["nowhere", "--cycle", "2026-04"], 1, "no usage point named 'nowhere'"),
        (["roof", "--cycle", "2026-13"], 2, "expected a month such as 2026-11"),
        (["roof", "--cycle", "2026-06", "--carried", "tier=0"], 1, "the register of meter m3 at 2026-0"),
        (["roof", "--cycle", "2025-06", "--carried", "tier=0"], 1, "no meter stands there"),
        (["roof", "--cycle", "2024-06"], 2, "no version holds 2024-06-01"),
        (["roof", "--cycle", "2026-04"], 1, "nothing is carried for 'tier'"),
        (["roof", "--cycle", "2026-04", "--carried", "tier"], 2, "expected NAME=NUMBER"),
        (["roof", "--cycle", "2026-04", "--tariff", "none.toml"], 1, "none.toml"),
    ],
)
def test_what_cannot_be_billed_says_why(
    headend: Headend, billed: Path, words: list[str], code: int, reason: str
) -> None:
    ran = headend("bill", *words, "--json", "--config", billed)
    assert (ran.code, ran.out.count("\n")) == (code, 1)
    assert reason in ran.document["error"]["message"]


def test_a_point_whose_tariff_is_not_there(headend: Headend, billed: Path) -> None:
    (billed.parent / "tariffs" / "any.toml").write_text("name = 1", encoding="utf-8")
    ran = headend("bill", "roof", "--cycle", "2026-04", "--config", billed)
    assert ran.code == 2
    assert "no tariff named 'step'" in ran.err
    assert "any.toml: name: Expected `str`" in ran.err


def test_check_tells_what_was_understood(headend: Headend) -> None:
    ran = headend("tariff", "check", sample("cn_large_industry.toml"), "--json")
    assert ran.code == 0
    assert (ran.document["ok"], ran.document["problems"]) == (True, [])
    first = ran.document["tariff"]["versions"][0]
    assert first["seasons"] == {"hot": ["07-01..08-31"], "mild": ["09-01..06-30"]}
    assert {"rule": "version[0].energy[0].prices.sharp", "id": "energy", "says": "0.72 CNY/kWh"} in first["charges"]
    assert "highest demand (kW)" in first["needs"]
    people = headend("tariff", "check", sample("cn_large_industry.toml"))
    assert "peak 10:00-11:00" in people.out


def test_check_tells_every_problem(headend: Headend, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(
        TARIFF.replace("CNY", "yuan").replace('residual = "valley"', 'residual = "night"'), encoding="utf-8"
    )
    ran = headend("tariff", "check", file, "--json")
    assert ran.code == 2
    assert [problem["key"] for problem in ran.document["problems"]] == ["currency", "version[0].residual"]
    people = headend("tariff", "check", file)
    assert (people.code, people.out) == (2, "")
    assert "version[0].residual: 'night' is no band, expected one of peak, valley" in people.err


def test_rating_from_files(headend: Headend, tmp_path: Path) -> None:
    """650 kWh of 260/600: the first of the published cases."""
    given = tmp_path / "d.json"
    document = {
        "point": "P1", "from": "2026-07-01T00:00:00+08:00", "to": "2026-08-01T00:00:00+08:00",
        "energy": {"total": "650"},
    }  # fmt: skip
    given.write_text(json.dumps(document), encoding="utf-8")
    ran = headend("tariff", "rate", sample("cn_residential_steps.toml"), "--determinants", given, "--json")
    assert (ran.code, ran.document["total"]) == (0, "448.00")
    assert ran.document["lines"][-1]["formula"] == "50 kWh x 0.3 CNY/kWh = 15"
    given.write_text(json.dumps(document | {"energie": {}}), encoding="utf-8")
    wrong = headend("tariff", "rate", sample("cn_residential_steps.toml"), "--determinants", given)
    assert wrong.code == 2
    assert "unknown field `energie`" in wrong.err
