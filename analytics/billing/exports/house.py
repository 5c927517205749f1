"""The house format: one row is one interval, the same columns as CSV and as Parquet."""

from __future__ import annotations

from typing import Final

from analytics.billing.exports.series import Flag

VERSION: Final = "1"
COLUMNS: Final = (
    "meter_id", "point_id", "channel", "tou", "interval_start_utc", "interval_s", "value", "unit",
    "multiplier_applied", "ct_pt_ratio", "quality", "method", "reason", "source", "read_time", "collected_at",
    "vee_rule", "version", "batch_id",
)  # fmt: skip
DIGITS: Final = 18
"""Of a value, the decimals among them."""


def reason(flag: Flag) -> str:
    """Code and note in one column."""
    return f"{flag.reason} {flag.note}".strip()
