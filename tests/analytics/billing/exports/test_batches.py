"""All formats of intervals: written, checked against the manifest, and refused when something is changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.formats import INTERVALS
from analytics.billing.exports.manifest import Tally
from analytics.billing.exports.series import Channel, Flag, Quality, Series
from tests.analytics.billing.exports.made import (
    START,
    SUBSTITUTED,
    alone,
    batch,
    channel,
    checked,
    codes,
    series,
    two_points,
    written,
)

FORMS = sorted(INTERVALS)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_and_its_manifest_agree(form: str) -> None:
    data, manifest = written(form, two_points(), batch())
    found = checked(manifest, {f"B-0001{INTERVALS[form].suffix}": data})
    assert found.findings == []
    content = json.loads(manifest)
    assert content["counts"]["reads"] == content["counts"]["expected"] == 3 * 96
    assert content["counts"]["by_quality"] == {"A": 96 - 5 + 96, "S": 5 + 96}
    exact = sum(int(one.value.sum()) for one in two_points())
    assert sum(Decimal(one["total"]) for one in content["series"]) == Decimal(exact).scaleb(-3)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_request_gives_the_same_bytes(form: str) -> None:
    assert written(form, two_points(), batch()) == written(form, two_points(), batch())


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_byte_is_found(form: str) -> None:
    data, manifest = written(form, two_points(), batch())
    at = len(data) // 2
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert "hash" in codes(checked(manifest, {f"B-0001{INTERVALS[form].suffix}": changed}))


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_cut_off_is_found_without_its_manifest(form: str) -> None:
    data, _ = written(form, two_points(), batch())
    assert INTERVALS[form].check(BytesIO(data[: len(data) // 2])).findings


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_other_series_does_not_fit_the_manifest(form: str) -> None:
    _, manifest = written(form, two_points(), batch())
    other, _ = written(form, two_points()[:2], batch())
    found = codes(checked(manifest, {f"B-0001{INTERVALS[form].suffix}": other}))
    assert {"hash", "size", "series"} <= found


def test_a_total_that_is_not_the_files_is_found() -> None:
    data, manifest = written("csv", two_points(), batch())
    content = json.loads(manifest)
    content["series"][0]["total"] = "1.000"
    assert codes(checked(json.dumps(content).encode(), {"B-0001.csv": data})) == {"total"}


def test_a_missing_file_and_a_path_are_found() -> None:
    _, manifest = written("csv", two_points(), batch())
    assert "file" in codes(checked(manifest, {}))
    content = json.loads(manifest)
    content["files"][0]["name"] = "../B-0001.csv"
    assert "file" in codes(checked(json.dumps(content).encode(), {"../B-0001.csv": b""}))
    assert codes(checked(b"{}", {})) == {"manifest"}


def test_what_does_not_come_is_missing() -> None:
    tally = Tally(batch(), INTERVALS["csv"].named)
    tally.expect([(channel("P3"), 96)])
    short = Bundle.of([series(channel(), [1] * 90)])
    assert list(tally.intervals([short])) == [short]
    content = tally.content(("csv", "1"), [])
    assert content["counts"] == {"reads": 90, "expected": 192, "missing": 102, "by_quality": {"A": 90}}


def test_an_interval_outside_the_period_is_refused() -> None:
    with pytest.raises(ExportFault, match="outside"):
        list(Tally(batch(days=1), INTERVALS["csv"].named).intervals(alone(two_points())))


@pytest.mark.parametrize("starts", [[0, 0], [1800, 0], [0, 900]])
def test_intervals_that_are_there_twice_or_out_of_order_are_refused(starts: list[int]) -> None:
    two = np.zeros(2, dtype=np.int64)
    with pytest.raises(ExportFault, match="twice, or out of order"):
        Bundle.of([Series(channel(), np.array(starts), two, two)])


@pytest.mark.parametrize("form", ["csv", "parquet", "nem12"])
def test_a_value_finer_than_the_format_is_refused_not_rounded(form: str) -> None:
    with pytest.raises(ExportFault, match="more than 3 decimals"):
        written(form, [series(channel(decimals=5), [100, 101] * 48)], batch())
    assert written(form, [series(channel(decimals=5), [100, 200] * 48)], batch())


def test_a_value_of_more_than_18_digits_is_refused() -> None:
    with pytest.raises(ExportFault, match="18 digits"):
        written("csv", [series(channel(decimals=0), [10**15])], batch())


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_texts_with_commas_and_quotes_come_back(form: str) -> None:
    odd = Channel('P "1", 北', "M,1", "1-0:1.8.0", "kWh", 3, 1800, tou="t1")
    flag = Flag(Quality.ESTIMATED, "61", "", 'a "note",\nof two lines', "vee")
    data, manifest = written(form, [series(odd, [-5, 0, 12345], flags=(flag,))], batch())
    found = checked(manifest, {f"B-0001{INTERVALS[form].suffix}": data})
    assert found.findings == []
    assert found.sums[("M,1", 'P "1", 北', "1-0:1.8.0", "t1")].total == Decimal("12.340")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    days=st.integers(1, 3),
    step_s=st.sampled_from([300, 900, 1800]),
    most=st.integers(1, 11),
)
def test_any_days_come_back_exactly(form: str, seed: int, days: int, step_s: int, most: int) -> None:
    generator = np.random.default_rng(seed)
    count = days * 86_400 // step_s
    made = [
        series(
            channel(point, nmi, step_s=step_s),
            generator.integers(0, 10**most, count).tolist(),
            generator.integers(0, 2, count).tolist(),
        )
        for point, nmi in (("P1", "2001985732"), ("P2", "QAAAVZZZZZ"))
    ]
    file, manifest = written(form, made, batch(days))
    found = checked(manifest, {f"B-0001{INTERVALS[form].suffix}": file})
    assert found.findings == []
    assert [one.reads for one in found.sums.values()] == [count, count]


@pytest.mark.parametrize(("day", "hours"), [((3, 29), 23), ((10, 25), 25)])
@pytest.mark.parametrize("form", ["csv", "parquet", "espi"])
def test_days_of_summer_time_have_their_own_number_of_intervals(form: str, day: tuple[int, int], hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    local = datetime(2026, *day, tzinfo=berlin)
    start, end = local.astimezone(UTC), (local + timedelta(days=1)).astimezone(UTC)
    assert end - start == timedelta(hours=hours)
    into = batch(1, start, berlin)
    into = type(into)(into.batch_id, 1, start, end, end, berlin, decimals=3)
    data, manifest = written(form, [series(channel(step_s=900), list(range(hours * 4)), start=start)], into)
    found = checked(manifest, {f"B-0001{INTERVALS[form].suffix}": data})
    assert found.findings == []
    assert [one.reads for one in found.sums.values()] == [hours * 4]
    assert json.loads(manifest)["counts"]["missing"] == 0
    if form == "espi":
        assert data.count(b"<IntervalBlock ") == 1
        assert f"<duration>{hours * 3600}</duration>".encode() in data


def test_what_the_manifest_says() -> None:
    _, manifest = written("nem12", [series(channel(), [1] * 48, [1] * 48, (SUBSTITUTED, SUBSTITUTED))], batch(1))
    content = json.loads(manifest)
    assert content["series"] == [
        {
            "key": ["2001985732", "E1"],
            "unit": "kWh",
            "reads": 48,
            "expected": 48,
            "missing": 0,
            "total": "0.048",
            "first": "2026-01-31T14:00:00Z",
            "last": "2026-02-01T13:30:00Z",
        }
    ]
    assert content["period"] == {"start": "2026-01-31T14:00:00Z", "end": "2026-02-01T14:00:00Z"}
    assert (content["batch_id"], content["sequence"], content["format_version"]) == ("B-0001", 1, "NEM12")
    assert content["first_key"] == ["2001985732", "E1", "2026-01-31T14:00:00Z"]
    assert content["created"] == content["cut_off"] == (START + timedelta(hours=27)).strftime("%Y-%m-%dT%H:%M:%SZ")
