"""Bad input gives a clear error or a stated estimate, never a wrong amount; each kind by its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.billing.errors import DeterminantFault
from analytics.billing.from_intervals import Interval, from_intervals
from analytics.billing.from_registers import Measured, from_registers
from analytics.billing.tariff import parse
from analytics.registers import Segment
from tests.headend.billing.site import TARIFF, read
from tests.headend.command import Headend

FIRST, LAST = "2026-04-01T00:00:00+08:00", "2026-05-01T00:00:00+08:00"
SEASONS = """
season = [{ name = "a", dates = ["01-01..06-30"] }, { name = "b", dates = ["06-01..12-31"] }]
[[version.energy]]
"""
HOLE = """
[[version.schedule]]
bands = { peak = ["08:00-22:00"], valley = ["00:00-07:00", "22:00-24:00"] }
[[version.energy]]
"""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("overlapping seasons", SEASONS, "an overlap: a and b hold 06-01 to 06-30"),
        ("a tariff with a hole", HOLE, "a hole: no band holds 07:00 to 07:59"),
    ],
)
def test_a_faulty_tariff_bills_nobody(
    headend: Headend, billed: Path, conninfo: str, name: str, text: str, said: str
) -> None:
    """Told by the check and by the bill; a run refuses every point of it with the reason."""
    read(conninfo, "m3", FIRST, "1000", "600", "400")
    read(conninfo, "m3", LAST, "1300", "800", "500")
    file = billed.parent / "tariffs" / "any.toml"
    file.write_text(TARIFF.replace("[[version.energy]]\n", text.lstrip(), 1), encoding="utf-8")
    assert headend("tariff", "check", file).code == 2
    ran = headend("bill", "roof", "--cycle", "2026-04", "--json", "--config", billed)
    assert (ran.code, "total" in ran.document) == (2, False), name
    assert said in ran.document["error"]["message"]
    run = headend("bill", "run", "--cycle", "2026-04", "--point", "roof", "--json", "--config", billed)
    assert run.code == 1
    assert said in run.documents[0]["reason"]
    assert headend("bill", "list", "--json", "--config", billed).out == ""


def test_a_cycle_without_boundary_reads_is_refused(headend: Headend, billed: Path, conninfo: str) -> None:
    read(conninfo, "m3", "2026-04-01T00:15:00+08:00", "1000", "600", "400")
    read(conninfo, "m3", "2026-04-30T23:45:00+08:00", "1300", "800", "500")
    ran = headend("bill", "run", "--cycle", "2026-04", "--point", "roof", "--json", "--config", billed)
    assert ran.code == 1
    assert "the register of meter m3 at 2026-03-31T16:00:00+00:00 is not known" in ran.documents[0]["reason"]


def test_a_point_without_a_meter_is_refused(headend: Headend, billed: Path) -> None:
    ran = headend("bill", "run", "--cycle", "2025-06", "--point", "roof", "--json", "--config", billed)
    assert ran.code == 1
    assert "no meter stands there from 2025-05-31T16:00:00+00:00" in ran.documents[0]["reason"]


def test_a_time_without_a_meter_within_the_cycle_is_refused(headend: Headend, billed: Path, conninfo: str) -> None:
    """Between one meter and the next nobody knows what was used."""
    read(conninfo, "m3", FIRST, "1000", "600", "400")
    gone = ["remove", "m3", "--at", "2026-04-10T00:00:00+08:00", "--by", "li"]
    for name, value in (("", "1100"), ("_t2", "660"), ("_t4", "440")):
        gone += ["--final", f"active_energy_import{name}={value}"]
    ran = headend("meter", *gone, "--config", billed)
    assert ran.code == 0, ran.err
    until = headend("bill", "roof", "--cycle", "2026-04", "--carried", "tier=0", "--json", "--config", billed)
    assert until.document["to"] == "2026-04-09T16:00:00+00:00"
    assert "supplied until" in until.document["notes"][0]
    file = billed.parent / "more"
    file.mkdir()
    (file / "installations.csv").write_text(
        "point,meter,from,to\nroof,total,2026-04-12T00:00:00+08:00,\n", encoding="utf-8"
    )
    assert headend("meter", "import", file, "--config", billed).code == 0
    ran = headend("bill", "roof", "--cycle", "2026-04", "--carried", "tier=0", "--json", "--config", billed)
    assert ran.code == 1
    assert "no meter from 2026-04-09T16:00:00+00:00 to 2026-04-11T16:00:00+00:00" in ran.document["error"]["message"]


def test_mixed_multipliers_are_refused() -> None:
    start, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)

    def register(multiplier: int) -> Segment:
        return Segment("M1", start, end, Decimal(multiplier), Decimal(0), Decimal(10))

    measured = Measured(start, end, [register(80)], {"t2": [register(60)]}, {"t2": "peak"})
    with pytest.raises(DeterminantFault, match="mixed multipliers: meter M1 counts the total x 80 and t2 x 60"):
        from_registers("P1", [measured])


def test_duplicate_intervals_at_the_autumn_hour_are_refused() -> None:
    """02:00 comes twice in Berlin: with its offsets it is two intervals, twice under one of them it is a fault."""
    tariff = parse(TARIFF.replace("Asia/Shanghai", "Europe/Berlin"), "t.toml")
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    hour = timedelta(hours=1)
    intervals = [Interval(start + n * hour, Decimal(1)) for n in range(25)]
    found = from_intervals("P1", start, start + 25 * hour, intervals, tariff, step=hour)
    assert found.energy == 25
    twice = [*intervals[:3], intervals[2], *intervals[4:]]
    with pytest.raises(DeterminantFault, match="two intervals begin at 2026-10-25T00:00:00"):
        from_intervals("P1", start, start + 25 * hour, twice, tariff, step=hour)
