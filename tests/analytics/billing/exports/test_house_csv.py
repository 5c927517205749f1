"""Rows of the CSV, of many short series put together as of one long one."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.billing.exports import house_csv
from analytics.billing.exports.series import ACTUAL, UNKNOWN, Channel, Flag, Quality, Series
from tests.analytics.billing.exports.made import alone, batch

ODD = Flag(Quality.SUBSTITUTED, "14", "0", 'said "so", twice', source="substituted", rule="like_day", version=12)
START = 1_767_225_600


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["P", "point, two", "第三"]),
            st.lists(st.tuples(st.integers(-(10**9), 10**9), st.booleans(), st.booleans()), min_size=1, max_size=30),
            st.sampled_from([900, 3600]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_says_what_its_series_does(given: list[tuple[str, list[tuple[int, bool, bool]], int, bool]]) -> None:
    made, expected = [], []
    for number, (point, rows, step_s, has_read) in enumerate(given):
        channel = Channel(point, f"M{number * 37}", "1-0:1.8.0", "kWh", 3, step_s, ratio=str(number + 1))
        start = START + step_s * np.arange(len(rows))
        read = np.array([START if known else UNKNOWN for _, _, known in rows]) if has_read else None
        values, flag = (np.array([int(row[at]) for row in rows]) for at in (0, 1))
        made.append(Series(channel, start, values, flag, (ACTUAL, ODD), read))
        for at, (value, is_odd, known) in enumerate(rows):
            one = ODD if is_odd else ACTUAL
            expected.append((
                channel.meter, point, datetime.fromtimestamp(START + step_s * at, UTC), step_s,
                Decimal(value).scaleb(-3), channel.ratio, str(one.quality), one.method, one.source,
                "2026-01-01T00:00:00Z" if has_read and known else "", one.rule, str(one.version), "B-0001",
            ))  # fmt: skip
    text = b"".join(house_csv.write(alone(made), batch())).decode()
    found = [
        (
            row["meter_id"], row["point_id"], datetime.fromisoformat(row["interval_start_utc"]), int(row["interval_s"]),
            Decimal(row["value"]), row["ct_pt_ratio"], row["quality"], row["method"], row["source"], row["read_time"],
            row["vee_rule"], row["version"], row["batch_id"],
        )
        for row in csv.DictReader(io.StringIO(text))
    ]  # fmt: skip
    assert found == expected
