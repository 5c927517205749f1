"""Register reads in the house format: exact in both kinds, and the checker sees what does not add up."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.formats import REGISTERS
from analytics.billing.exports.house_registers import COLUMNS, EXACT
from analytics.billing.exports.manifest import Digest, Tally, encoded
from analytics.billing.exports.nem13 import Consumption, RegisterRead
from analytics.billing.exports.series import Channel, Flag, Quality
from tests.analytics.billing.exports.made import batch, checked, codes

FEBRUARY, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4))
ESTIMATED = Flag(Quality.SUBSTITUTED, "64", "0", 'said "so", twice', "estimated")
BY_HAND = Flag(source="manual")


def consumption(
    first: str, last: str, quantity: int, start: datetime = FEBRUARY, end: datetime = MARCH, meter: str = "M,1"
) -> Consumption:
    channel = Channel("第三", meter, "1-0:1.8.0", "kWh", 4, 86_400, ratio="20")
    return Consumption(
        channel, "E", RegisterRead(first, start, BY_HAND), RegisterRead(last, end, ESTIMATED), quantity
    )  # fmt: skip


TWO = [
    consumption("000100.5", "225.75", 25_050_000),
    consumption("999990", "10", 4_000_000, MARCH, APRIL),  # rolls over at six digits
]


@pytest.fixture(params=["csv", "parquet"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def written(form: str, of: list[Consumption]) -> tuple[bytes, bytes]:
    kind, into = REGISTERS[form], batch(days=59)
    tally, digest = Tally(into, kind.named), Digest(f"B{kind.suffix}")
    data = b"".join(digest.through(kind.write(tally.consumptions(of), into)))
    return data, encoded(tally.content((kind.name, kind.version), [digest]))


def test_what_is_written_is_read_back_and_adds_up(form: str) -> None:
    data, manifest = written(form, TWO)
    assert written(form, TWO) == (data, manifest)
    found = checked(manifest, {f"B{REGISTERS[form].suffix}": data})
    assert found.findings == []
    ((key, total),) = found.sums.items()
    assert (key, total.total, total.reads) == (("M,1", "第三", "1-0:1.8.0", ""), Decimal(2905), 2)
    assert found.qualities == {"S": 2}
    rows = (
        list(csv.DictReader(io.StringIO(data.decode()))) if form == "csv" else pq.read_table(BytesIO(data)).to_pylist()
    )
    assert [tuple(Decimal(row[name]) for name in EXACT) for row in rows] == [
        (Decimal("100.5"), Decimal("225.75"), Decimal(2505)), (Decimal(999990), Decimal(10), Decimal(400)),
    ]  # fmt: skip
    one = rows[0]
    assert (one["previous_quality"], one["previous_source"], one["current_method"]) == ("A", "manual", "64")
    assert (one["current_reason"], one["ct_pt_ratio"]) == ('0 said "so", twice', "20")
    assert str(one["current_time_utc"]) in ("2026-03-01T00:00:00Z", "2026-03-01 00:00:00+00:00")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ([consumption("1", "2", 10_000)], "value"),  # the ratio is left out
        ([consumption("2", "1", 0)], "value"),
        ([consumption("1", "2", 200_000, MARCH, FEBRUARY)], "time"),
        ([TWO[0], consumption("225.75", "226.75", 200_000, FEBRUARY, APRIL)], "twice"),
    ],
)
def test_what_does_not_add_up_is_found(form: str, bad: list[Consumption], code: str) -> None:
    assert code in codes(REGISTERS[form].check(BytesIO(written(form, bad)[0])))


def test_another_file_than_the_manifests_is_found(form: str) -> None:
    data, manifest = written(form, TWO)
    other, _ = written(form, TWO[:1])
    assert {"size", "hash", "count", "total"} <= codes(checked(manifest, {f"B{REGISTERS[form].suffix}": other}))
    assert REGISTERS[form].check(BytesIO(data[: len(data) // 2])).findings


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("2505.000", "2505.0", "value"),
        (",true,", ",yes,", "value"),
        ("2026-02-01T00:00:00Z", "2026-02-30T00:00:00Z", "value"),
        (",A,", ",X,", "quality"),
        ("B-0001\n", "B-0001,\n", "fields"),
        (",20,", ",-20,", "value"),
    ],
)
def test_wrong_cells_of_the_csv(old: str, new: str, code: str) -> None:
    text = written("csv", TWO)[0].decode()
    assert old in text
    assert code in codes(REGISTERS["csv"].check(BytesIO(text.replace(old, new, 1).encode())))


def test_a_parquet_with_other_columns_is_found() -> None:
    table = pq.read_table(BytesIO(written("parquet", TWO)[0]))
    place = COLUMNS.index("current_time_utc")
    for other, code in (
        (table.set_column(place, "current_time_utc", pa.array(["x", "y"])), "header"),
        (table.set_column(COLUMNS.index("unit"), "unit", pa.array([None, "kWh"])), "null"),
    ):
        sink = BytesIO()
        pq.write_table(other, sink)
        assert code in codes(REGISTERS["parquet"].check(BytesIO(sink.getvalue())))


@pytest.mark.parametrize("register", ["0.00001", "1e18"])
def test_what_the_format_cannot_say_is_refused(form: str, register: str) -> None:
    with pytest.raises(ExportFault, match="第三"):
        written(form, [consumption(register, "2", 0)])
