"""What parameters hold before anybody writes them, by part name, as their formats spell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COMMON: Final[Mapping[str, str]] = {
    "demand_period": "15",
    "demand_slide": "15",
    "season_count": "1",
    "day_table_count": "1",
    "day_period_count": "8",
    "rate_count": "4",
    "asset_code": "SIMULATED",
    "rated_voltage": "220V",
    "rated_current": "1.5A",
    "maximum_current": "6A",
    "active_class": "0.5S",
    "reactive_class": "2",
    "active_constant": "6400",
    "reactive_constant": "6400",
    "meter_type": "VIRTUAL",
    "production_date": "2026-01",
    "protocol_version": "DLT645-2007",
    "pulse_width": "80",
    "active_combination": "5",
    "reactive_combination_1": "5",
    "reactive_combination_2": "80",
    "settlement_day": "0100",
    "settlement_day_1": "0100",
    "settlement_day_2": "9999",
    "settlement_day_3": "9999",
    "weekend_word": "127",
    "load_record_mode": "63",
    "freeze_mode": "255",
    "load_record_interval": "15",
    **{f"load_interval_{n}": "15" for n in range(1, 7)},
    "hourly_freeze_interval": "60",
    "daily_freeze_time": "0000",
    "baud_port_1": "8",
}
