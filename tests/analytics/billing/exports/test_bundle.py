"""Short series written together say what they say each by itself."""

from __future__ import annotations

from io import BytesIO
from types import ModuleType

import pytest
from pyarrow import parquet as pq

from analytics.billing.exports import espi, house_csv, nem12, parquet
from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.formats import INTERVALS
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.series import ACTUAL, Flag, Quality, Series, Visit
from tests.analytics.billing.exports.made import START, SUBSTITUTED, alone, batch, channel, series

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


WRITERS = [("csv", house_csv, "MOST"), ("nem12", nem12, "MOST"), ("espi", espi, "MOST"), ("parquet", parquet, "_PIECE")]


@pytest.mark.parametrize("most", [1, 100, 500, 16_384])
@pytest.mark.parametrize(("form", "module", "name"), WRITERS)
def test_together_and_one_by_one(
    monkeypatch: pytest.MonkeyPatch, form: str, module: ModuleType, name: str, most: int
) -> None:
    """However channels come, bytes are the same; all but Parquet's are, too, however many rows are built at once."""
    write, given = INTERVALS[form].write, many()
    usual = b"".join(write(alone(given), batch(decimals=4)))
    assert INTERVALS[form].check(BytesIO(usual)).findings == []
    monkeypatch.setattr(module, name, most)
    one_by_one = b"".join(write(alone(given), batch(decimals=4)))
    for size in (2, 7, len(given)):
        bundles = [Bundle.of(given[low : low + size]) for low in range(0, len(given), size)]
        assert b"".join(write(bundles, batch(decimals=4))) == one_by_one
    if form == "parquet":
        assert pq.read_table(BytesIO(one_by_one)).to_pylist() == pq.read_table(BytesIO(usual)).to_pylist()
    else:
        assert one_by_one == usual


def test_a_bundle_told_by_channel() -> None:
    given = many()
    whole = Bundle.of(given)
    assert whole.counts.tolist() == [len(one) for one in given]
    assert whole.sums() == [sum(one.value.tolist()) for one in given]
    assert [whole.start[whole.edges[at]] for at in range(len(given))] == whole.firsts.tolist()
    for one, reads in zip(given, whole.reads.tolist(), strict=True):
        assert {flag: n for flag, n in zip(whole.flags, reads, strict=True) if n} == {
            flag: n for at, flag in enumerate(one.flags) if (n := one.flag.tolist().count(at))
        }


def test_sums_beyond_64_bits() -> None:
    of = channel()
    assert Bundle.of([series(of, [2**62] * 48), series(of, [-(2**62)] * 48)]).sums() == [48 * 2**62, -48 * 2**62]
    assert (len(Bundle.of([])), Bundle.of([]).sums()) == (0, [])


@pytest.mark.parametrize(
    ("form", "fault"),
    [("nem12", "a value is below zero"), ("csv", "18 digits"), ("parquet", "18 digits"), ("espi", "48 bits")],
)
def test_a_fault_names_the_point_that_has_it(form: str, fault: str) -> None:
    """Not the first one that it is put together with."""
    of = channel("P29x", "6001099999")
    bad = series(of, [-(10**17)] * 48)
    with pytest.raises(ExportFault, match=f"P29x.*{fault}"):
        list(INTERVALS[form].write([Bundle.of([*many(), bad])], batch(decimals=6)))


def test_visits_stand_below_the_day_of_their_own_point() -> None:
    two = many()[:2]
    visited = Series(two[1].channel, two[1].start, two[1].value, two[1].flag, two[1].flags,
                     visits=(Visit(seconds(START) + 60, "C", "O1", "5"),))  # fmt: skip
    lines = b"".join(nem12.write(alone([two[0], visited]), batch())).decode().splitlines()
    below = [line[:3] for line in lines if line[:3] in ("200", "300", "500")]
    assert below == ["200", "300", "200", "300", "500"]
    gone = Series(visited.channel, visited.start, visited.value, visited.flag, visited.flags,
                  visits=(Visit(seconds(START) - 60, "C"),))  # fmt: skip
    with pytest.raises(ExportFault, match=r"P1.*a visit on a day"):
        list(nem12.write(alone([two[0], gone]), batch()))
