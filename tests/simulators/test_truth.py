"""The truth log says what the meters had, and survives whoever is killed beside it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from protocols.quantities import quantity
from simulators.ahead import Ahead
from simulators.truth import Truth, TruthLog
from tests.simulators.meters import EVENING, MODELS, meter

TICK = timedelta(seconds=5)
START = datetime(2026, 11, 22, 12, 10, tzinfo=UTC)


def written(path: Path, ticks: int = 20) -> Truth:
    log = TruthLog(path)
    one = meter(tick_s=5)
    for number in range(ticks):
        log.write(one, START + number * TICK, everything=number == 0)
    log.flush()
    log.close()
    return Truth.load(path)


@pytest.mark.parametrize("model", MODELS)
def test_the_log_equals_the_values_at_every_moment(tmp_path: Path, model: str) -> None:
    meters = [meter(1, model, tick_s=5), meter(2, model, tick_s=7), meter(3, model, tick_s=5)]
    log = TruthLog(tmp_path / "truth.csv")
    ahead = Ahead(log, meters, EVENING)
    seconds = [EVENING + timedelta(seconds=n) for n in range(90)]
    for now in seconds:
        ahead.ensure(now)
    truth = Truth.load(tmp_path / "truth.csv")
    log.close()
    assert truth.meters == {"m-1", "m-2", "m-3"}
    for now in seconds:
        for one in meters:
            for item, value in one.values(now).items():
                assert truth.at(one.name, item, now) == value, (one.name, item.name, now)


def test_only_changes_are_written(tmp_path: Path) -> None:
    written(tmp_path / "truth.csv")
    rows = (tmp_path / "truth.csv").read_text().splitlines()
    assert sum(",voltage_l1," in row for row in rows) > 10
    assert sum(",status_word_3," in row for row in rows) == 1


def test_a_lack_of_value_is_a_value(tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "truth.csv")
    log.write(meter(phases=1), START, everything=True)
    log.close()
    truth = Truth.load(tmp_path / "truth.csv")
    assert truth.at("m-1", quantity("voltage_l2"), START) is None
    assert truth.at("m-1", "voltage_l1", START) is not None


def test_between_gives_all_that_was_so(tmp_path: Path) -> None:
    truth = written(tmp_path / "truth.csv")
    one = meter(tick_s=5)
    item = quantity("voltage_l1")
    for first, last in ((0, 0), (1, 3), (4, 19)):
        expected = {one.value(item, START + n * TICK) for n in range(first, last + 1)}
        inside = timedelta(seconds=2)
        assert truth.between("m-1", item, START + first * TICK + inside, START + last * TICK + inside) == expected
    assert len(truth.between("m-1", item, START, START + 19 * TICK)) > 5


def test_what_was_never_written_is_not_guessed(tmp_path: Path) -> None:
    truth = written(tmp_path / "truth.csv", ticks=1)
    with pytest.raises(LookupError, match="nothing known before 2026-11-22T12:10:00"):
        truth.at("m-1", "voltage_l1", START - timedelta(microseconds=1))
    with pytest.raises(LookupError, match="nothing known before"):
        truth.between("m-1", "voltage_l1", START - TICK, START)
    with pytest.raises(LookupError, match="nothing known of m-2 voltage_l1"):
        truth.at("m-2", "voltage_l1", START)


def test_half_a_row_is_left_out_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    whole = written(path)
    content = path.read_bytes()
    path.write_bytes(content + b"m-1,voltage_l1,2026-11-22T12:59:00+00:00,9")
    assert Truth.load(path).at("m-1", "voltage_l1", START + timedelta(hours=1)) == whole.at(
        "m-1", "voltage_l1", START + timedelta(hours=1)
    )
    TruthLog(path).close()
    assert path.read_bytes() == content


def test_a_log_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    written(path, ticks=3)
    log = TruthLog(path)
    log.write(meter(tick_s=5), START + timedelta(minutes=1), everything=True)
    log.close()
    truth = Truth.load(path)
    assert path.read_text().count("meter,quantity") == 1
    for moment in (START, START + TICK, START + timedelta(minutes=1)):
        assert truth.at("m-1", "voltage_l1", moment) == meter(tick_s=5).value(quantity("voltage_l1"), moment)


def test_each_tick_is_on_disk_when_it_is_written(tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "truth.csv")
    ahead = Ahead(log, [meter(tick_s=5)], START)
    ahead.ensure(START)
    assert (tmp_path / "truth.csv").read_bytes().endswith(b"\n")
    assert Truth.load(tmp_path / "truth.csv").at("m-1", "frequency", START) is not None
    log.close()


class _Watched(TruthLog):
    """Tells when a tick has been handed over."""

    def __init__(self, path: Path) -> None:
        self.flushed = asyncio.Event()
        super().__init__(path)

    def flush(self) -> None:
        super().flush()
        self.flushed.set()


async def test_the_background_writes_before_it_is_so(tmp_path: Path) -> None:
    """With a clock that stands still: one tick ahead, for all meters."""
    log = _Watched(tmp_path / "truth.csv")
    meters = [meter(n, tick_s=5) for n in range(1, 121)]
    ahead = Ahead(log, meters, START)
    ahead.ensure(START)
    log.flushed.clear()
    running = asyncio.create_task(ahead.run(lambda: START))
    async with asyncio.timeout(60):
        await log.flushed.wait()
    running.cancel()
    await asyncio.wait({running})
    truth = Truth.load(tmp_path / "truth.csv")
    for one in meters:
        assert truth.at(one.name, "voltage_l1", START + TICK) == one.value(quantity("voltage_l1"), START + TICK)
    assert any(
        truth.at(one.name, "voltage_l1", START) != truth.at(one.name, "voltage_l1", START + TICK) for one in meters
    )
    log.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", ":1: expected the header"),
        ("a,b\n", ":1: expected the header"),
        ("meter,quantity,from,value\nm,q,yesterday,1\n", ":2: Invalid isoformat"),
        ("meter,quantity,from,value\nm,q,2026-11-22T00:00:00+00:00,1\nm,q\n", ":3: not enough values"),
        ("meter,quantity,from,value\nm,q,2026-11-22T00:00:00+00:00,1x\n", ":2: "),
    ],
)
def test_other_files_are_refused_by_line(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"truth.csv{reason}"):
        Truth.load(path)


def test_values_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("meter,quantity,from,value\nm,active_energy_import,2026-11-22T00:00:00+00:00,123456.7890\n")
    assert Truth.load(path).at("m", "active_energy_import", START) == Decimal("123456.789")
