"""Each label on a customer who was made for it, and none on those who were not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.labels import Further, Label, Labelled, Outage, label, rules, shipped
from analytics.theft.words import Frame

DAYS, SLOTS = 28, 48
AT = datetime(2026, 2, 2, tzinfo=UTC)
HOURS = np.arange(SLOTS) / 2
FIRST = np.datetime64("2026-01-05T00:00:00")
"""A Monday."""


def load(*windows: tuple[int, int, float], base: float = 80) -> NDArray[np.float64]:
    """(day, slot) in W."""
    made = np.full((DAYS, SLOTS), base, np.float64)
    for first, until, watt in windows:
        made[:, (first <= HOURS) & (until > HOURS)] += watt
    return made


def frame(by_name: dict[str, NDArray[np.float64]]) -> Frame:
    """Wh a half-hour."""
    times = FIRST + np.arange(DAYS * SLOTS) * np.timedelta64(1800, "s")
    return Frame(list(by_name), times, np.stack([w.ravel() / 2 for w in by_name.values()], axis=1))


def of(found: Labelled, name: str, kind: str) -> Label | None:
    return next((one for one in found.labels if (one.name, one.label) == (name, kind)), None)


def value(found: Labelled, name: str, kind: str) -> str | None:
    one = of(found, name, kind)
    return None if one is None else one.value


def town() -> dict[str, NDArray[np.float64]]:
    shop = load((9, 18, 900))
    shop[np.arange(DAYS) % 7 >= 5] = 80
    solar = load((18, 22, 600), base=200)
    solar[::2, (HOURS >= 10) & (HOURS < 15)] = 5
    return {
        "evening": load((18, 21, 700)), "morning": load((6, 9, 700)), "night": load((0, 5, 500), (23, 24, 500)),
        "flat": load(base=150), "shop": shop, "solar": solar, "car": load((1, 5, 7000)), "kettle": load((7, 8, 2900)),
    }  # fmt: skip


def test_shapes_bases_and_peaks() -> None:
    found = label(frame(town()), 1.0, AT)
    shapes = {name: value(found, name, "load_shape") for name in town()}
    assert shapes == {
        "evening": "evening", "morning": "morning", "night": "night", "flat": "flat", "shop": "business",
        "solar": "evening", "car": "night", "kettle": "morning",
    }  # fmt: skip
    assert value(found, "evening", "base_load") == "80"
    assert value(found, "evening", "peak_hour") == "18"
    assert value(found, "flat", "base_load") == "150"
    (one,) = [one for one in found.labels if (one.name, one.label) == ("shop", "load_shape")]
    assert (one.rule, one.version, one.valid_from) == ("load_shape", shipped().version, AT)
    assert one.expires == AT + timedelta(days=shipped().load_shape.valid_days)
    assert float(one.evidence["workday_ratio"]) > 1.6
    assert set(found.judged) == {"load_shape", "base_load", "peak_hour", "pv_owner", "flexible_load"}
    assert found.judged["pv_owner"] == tuple(sorted(town()))


def test_flexible_loads_are_long_and_high() -> None:
    found = label(frame(town()), 1.0, AT)
    assert [one.name for one in found.labels if one.label == "flexible_load"] == ["car"]
    assert float(value(found, "car", "flexible_load") or 0) == pytest.approx(28, rel=0.02)
    in_kwh = frame({"car": town()["car"] / 1000})
    assert value(label(in_kwh, 1000.0, AT), "car", "flexible_load") == value(found, "car", "flexible_load")


def test_photovoltaics_are_measured_or_likely() -> None:
    fed = frame({"flat": load((10, 15, 1000), base=0), "night": load(base=0)})
    found = label(frame(town()), 1.0, AT, further=Further(exports=fed))
    assert {one.name: one.value for one in found.labels if one.label == "pv_owner"} == {
        "solar": "likely",
        "flat": "measured",
    }


def test_who_suffered_outages() -> None:
    hour = timedelta(hours=1)
    spans = [Outage("flat", AT - (n * 10 + 1) * 24 * hour, AT - (n * 10 + 1) * 24 * hour + hour) for n in range(3)]
    spans += [Outage("shop", AT - 13 * hour, None), Outage("night", AT - 5 * hour, AT - 3 * hour)]
    spans += [Outage("night", AT - 4 * hour, AT - 3 * hour), Outage("night", AT - 9000 * hour, AT - 8999 * hour)]
    further = Further(outages=spans, supplied=list(town()), category={"solar": "medical", "car": "residential"})
    found = label(frame(town()), 1.0, AT, further=further)
    assert {one.name: one.value for one in found.labels if one.label == "outage_sensitive"} == {
        "flat": "suffered", "shop": "suffered", "solar": "registered",
    }  # fmt: skip
    shop = of(found, "shop", "outage_sensitive")
    assert shop is not None
    assert shop.evidence["hours"] == "13.0"
    assert found.judged["outage_sensitive"] == tuple(sorted(town()))


def test_odd_input_is_told_and_crashes_nothing() -> None:
    homes = town()
    homes["zero"] = np.zeros((DAYS, SLOTS))
    homes["nothing"] = np.full((DAYS, SLOTS), np.nan)
    homes["young"] = np.where(np.arange(DAYS)[:, None] < 20, np.nan, load((18, 21, 700)))
    homes["negative"] = -load()
    homes["holes"] = np.where(np.random.default_rng(1).random((DAYS, SLOTS)) < 0.1, np.nan, load((18, 21, 700)))
    given = frame(homes)
    double = Frame(given.names, np.append(given.times, given.times[:3]), np.vstack([given.values, given.values[:3]]))
    found = label(double, 1.0, AT)
    assert any("negative" in note for note in found.notes)
    assert any("3 there are fewer than 14 days" in note for note in found.notes)
    assert {one.name for one in found.labels} == set(homes) - {"nothing", "young", "negative"}
    assert value(found, "zero", "base_load") == "0"
    assert value(found, "zero", "load_shape") is None
    assert value(found, "holes", "load_shape") == "evening"
    assert "young" not in found.judged["load_shape"]


def test_parts_and_order_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    homes = town()
    whole = label(frame(homes), 1.0, AT)
    assert label(frame(dict(reversed(homes.items()))), 1.0, AT).labels == whole.labels
    monkeypatch.setitem(label.__globals__, "_PART", 2 * DAYS * SLOTS)
    with ThreadPoolExecutor(2) as pool:
        assert label(frame(homes), 1.0, AT, pool=pool).labels == whole.labels


def test_daily_readings_tell_no_shape() -> None:
    daily = Frame(["a"], FIRST + np.arange(30) * np.timedelta64(1, "D"), np.ones((30, 1)))
    with pytest.raises(FrameUnusable, match="no shape"):
        label(daily, 1.0, AT)


SHIPPED = """version = "x"
least_days = 2
read_share = 0.5
[base_load]
valid_days = 1
quantile = 0.5
hours = 1
source = "us"
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = ", "Invalid value"),
        (SHIPPED, "load_shape"),
        (SHIPPED.replace('"x"', "3"), "version"),
        ("colour = 1", "colour"),
    ],
)
def test_rules_that_are_none_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rules(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("valid_days = 60", "valid_days = 0", "flexible_load.valid_days"),
        ("night = [23, 6]", "night = [6, 6]", "load_shape.night"),
        ("dip_hours = [11, 15]", "dip_hours = [11, 25]", "pv_owner.dip_hours"),
        ("least_days = 14", "least_days = 0", "least_days"),
        ("quantile = 0.5", "quantile = 5", "base_load"),
    ],
)
def test_figures_that_cannot_be_are_refused(old: str, new: str, says: str) -> None:
    from importlib import resources

    text = (resources.files("analytics") / "labels" / "rules.toml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(ValueError, match=says):
        rules(text.replace(old, new))
