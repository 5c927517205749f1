"""Short series written together say what they say each by itself."""

from __future__ import annotations

from io import BytesIO
from types import ModuleType

import pytest
from pyarrow import parquet as pq

from analytics.billing.exports import espi, house_csv, nem12, parquet
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.formats import INTERVALS
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.series import ACTUAL, Flag, Quality, Series, Visit
from tests.analytics.billing.exports.made import START, SUBSTITUTED, batch, channel, series

OTHER = Flag(Quality.FINAL, "16", "24", source="edited", rule="edit", version=3)


def many() -> list[Series]:
    """Points with one or two channels, of half-hours and quarters, one or two days; flags in any order."""
    made = []
    for at in range(30):
        nmi = f"60010{at:05}"
        step_s, days = (1800, 900)[at % 2], 1 + at % 3 // 2
        count = 86_400 // step_s * days
        flags = ((ACTUAL, SUBSTITUTED), (OTHER, ACTUAL), (ACTUAL,))[at % 3]
        mixed = [row % len(flags) if row < at else 0 for row in range(count)]
        for suffix in ("E1", "B1")[: 1 + at % 2]:
            of = channel(f"P{at}", nmi, suffix, step_s, decimals=3 + at % 5 // 4)
            made.append(series(of, [row * 10 * (at + 1) for row in range(count)], mixed, flags))
    return made


@pytest.mark.parametrize(
    ("form", "module", "name"),
    [("csv", house_csv, "MOST"), ("nem12", nem12, "MOST"), ("espi", espi, "MOST"), ("parquet", parquet, "_PIECE")],
)
def test_together_and_one_by_one(monkeypatch: pytest.MonkeyPatch, form: str, module: ModuleType, name: str) -> None:
    write = INTERVALS[form].write
    together = b"".join(write(many(), batch(decimals=4)))
    monkeypatch.setattr(module, name, 1)
    alone = b"".join(write(many(), batch(decimals=4)))
    if form == "parquet":
        assert pq.read_table(BytesIO(together)).to_pylist() == pq.read_table(BytesIO(alone)).to_pylist()
    else:
        assert together == alone
    assert INTERVALS[form].check(BytesIO(together)).findings == []


@pytest.mark.parametrize(
    ("form", "fault"),
    [("nem12", "a value is below zero"), ("csv", "18 digits"), ("parquet", "18 digits"), ("espi", "48 bits")],
)
def test_a_fault_names_the_point_that_has_it(form: str, fault: str) -> None:
    """Not the first one that it is put together with."""
    of = channel("P29x", "6001099999")
    bad = series(of, [-(10**17)] * 48)
    with pytest.raises(ExportFault, match=f"P29x.*{fault}"):
        list(INTERVALS[form].write([*many(), bad], batch(decimals=6)))


def test_visits_stand_below_the_day_of_their_own_point() -> None:
    two = many()[:2]
    visited = Series(two[1].channel, two[1].start, two[1].value, two[1].flag, two[1].flags,
                     visits=(Visit(seconds(START) + 60, "C", "O1", "5"),))  # fmt: skip
    lines = b"".join(nem12.write([two[0], visited], batch())).decode().splitlines()
    below = [line[:3] for line in lines if line[:3] in ("200", "300", "500")]
    assert below == ["200", "300", "200", "300", "500"]
    gone = Series(visited.channel, visited.start, visited.value, visited.flag, visited.flags,
                  visits=(Visit(seconds(START) - 60, "C"),))  # fmt: skip
    with pytest.raises(ExportFault, match=r"P1.*a visit on a day"):
        list(nem12.write([two[0], gone], batch()))
