"""Programs that nobody here wrote read our files: their totals are ours, to the last unit.

Readers that give binary fractions are held to each value by itself, rounded to the file's decimals, and then summed.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.billing.exports import nem13
from analytics.billing.exports.series import Series
from tests.analytics.billing.exports.made import START, batch, two_points, written
from tests.analytics.billing.exports.test_nem import consumption

pytestmark = pytest.mark.interop


def stored(folder: Path, form: str, of: list[Series]) -> Path:
    path = folder / f"B.{form}"
    path.write_bytes(written(form, of, batch())[0])
    return path


def nem_readings(path: Path) -> Any:
    """Of nemreader, which leaves a file open that it is told the name of: it is given the lines."""
    nemreader = pytest.importorskip("nemreader")
    return nemreader.NEMFile(str(path)).parse_nem_file(path.read_text().splitlines()).readings


def units(values: Any) -> list[int]:
    """Thousandths."""
    return [round(value * 1000) for value in values]


def test_nemreader_reads_the_same_intervals(tmp_path: Path) -> None:
    made = two_points()
    read = nem_readings(stored(tmp_path, "nem12", made))
    for one in made:
        assert one.channel.register is not None
        rows = read[one.channel.register.nmi][one.channel.register.suffix]
        assert units(row.read_value for row in rows) == one.value.tolist()
        assert rows[0].t_start == (START + timedelta(hours=10)).replace(tzinfo=None)
        assert rows[0].t_end - rows[0].t_start == timedelta(minutes=30)
        expected = [one.flags[at].quality + one.flags[at].method for at in one.flag.tolist()]
        assert [row.quality_method for row in rows] == expected


def test_aemo_mdff_reader_reads_the_same_intervals(tmp_path: Path) -> None:
    reader = pytest.importorskip("aemo_mdff_reader")
    made = two_points()
    path = stored(tmp_path, "nem12", made)
    assert list(reader.validate_file(path)) == []
    read: dict[tuple[str, str], list[Any]] = {}
    for row in reader.parse(path):
        read.setdefault((row.nmi, row.nmi_suffix), []).append(row.value)
    for one in made:
        assert one.channel.register is not None
        assert units(read[one.channel.register.nmi, one.channel.register.suffix]) == one.value.tolist()


def test_both_read_the_same_register(tmp_path: Path) -> None:
    reader = pytest.importorskip("aemo_mdff_reader")
    path = tmp_path / "B.nem13"
    path.write_bytes(b"".join(nem13.write([consumption()], batch())))
    assert list(reader.validate_file(path)) == []
    assert units([next(reader.parse_accumulations(path)).quantity]) == [884_000]
    rows = nem_readings(path)["2001985732"]["11"]
    assert units([rows[0].read_value]) == [884_000]


def test_greenbutton_objects_reads_the_same_intervals(tmp_path: Path) -> None:
    parse = pytest.importorskip("greenbutton_objects.parse")
    made = two_points()
    points = parse.parse_feed(str(stored(tmp_path, "espi", made)))
    read = {(p.title, r.title): r for p in points for r in p.meterReadings}
    for one in made:
        reading = read[one.channel.point, one.channel.channel]
        intervals = list(reading.intervalReadings)
        assert [interval.value for interval in intervals] == one.value.tolist()
        first = intervals[0].timePeriod
        assert (first.start.replace(tzinfo=UTC), first.duration) == (START, timedelta(minutes=30))
        qualities = [tuple(q.quality.value for q in interval.readingQualities) for interval in intervals]
        assert qualities == [(8,) if at else () for at in one.flag.tolist()]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_duckdb_reads_the_same_rows(tmp_path: Path, form: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    made = two_points()
    path = stored(tmp_path, form, made)
    types = ", types={'value': 'DECIMAL(18,3)', 'interval_start_utc': 'TIMESTAMPTZ'}" if form == "csv" else ""
    source = f"read_{form}('{path}'{types})"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select point_id, channel, count(*), sum(value), epoch(min(interval_start_utc))::bigint "
            f"from {source} group by all order by all"
        ).fetchall()
    expected = [
        (o.channel.point, o.channel.channel, len(o), Decimal(int(o.value.sum())).scaleb(-3), int(o.start[0]))
        for o in made
    ]
    assert rows == sorted(expected)


def test_pyarrow_and_the_csv_module_read_the_same_rows(tmp_path: Path) -> None:
    from pyarrow import parquet as pq

    made = two_points()
    table = pq.read_table(stored(tmp_path, "parquet", made)).to_pylist()
    with stored(tmp_path, "csv", made).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["value"] for row in table] == [Decimal(row["value"]) for row in rows]
    assert [row["interval_start_utc"] for row in table] == [
        datetime.fromisoformat(row["interval_start_utc"]) for row in rows
    ]
    for name in ("meter_id", "point_id", "channel", "unit", "quality", "method", "reason", "source", "vee_rule"):
        assert [row[name] for row in table] == [row[name] for row in rows]
    assert sum(row["value"] for row in table) == Decimal(sum(int(one.value.sum()) for one in made)).scaleb(-3)
