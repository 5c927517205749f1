"""The utility's policy as a TOML file: `policy.toml` beside this is the sample. Its version is its SHA-256."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Final, Literal

import msgspec

from headend.duration import seconds
from headend.errors import UsageFault
from headend.safety.function import TRAITS, Effect, Function, ReasonCode, Source
from headend.safety.policy import Cap, Policy, Ramp, ReasonRule, Window
from headend.safety.world import Holidays

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class OrderTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    longest: str
    usual: str
    bulk: int


class FreshTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    protection: str
    weather: str
    clock: str


class ClockTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    off: str


class WeatherTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    cold_c: str
    hot_c: str


class HolidayTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    first: date
    last: date
    days: list[date]


class ReasonTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    functions: list[str]
    windows: bool
    notice: bool


class CapTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    effect: Effect
    window: str
    per: Literal["", "area", "feeder"] = ""
    commands: int | None = None
    watts: int | None = None
    permille: int | None = None
    source: Source | None = None


class RampTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    in_flight: int
    watts_per_minute: int


class WindowTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    weekdays: list[str]
    start: time
    end: time


class WatchTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`span` for all kinds but `hours`, which has `start` and `end`, by the installation's clock."""

    kind: Literal["rate", "hours", "new_user", "unusual_area", "unsolicited"]
    effect: Effect
    commands: int
    span: str = ""
    start: time | None = None
    end: time | None = None

    @property
    def lasts(self) -> timedelta:
        return _span(self.span)


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    order: OrderTable
    fresh: FreshTable
    clock: ClockTable
    weather: WeatherTable
    holidays: HolidayTable
    reason: dict[ReasonCode, ReasonTable]
    cap: list[CapTable]
    ramp: dict[Effect, RampTable]
    window: list[WindowTable] = []
    watch: list[WatchTable] = []
    automatic_live: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy with what the desk needs beside what the core is told. `usual`: how long an order, or an approval, is
    good that does not say."""

    policy: Policy
    holidays: Holidays
    usual: timedelta
    clock_fresh: timedelta
    clock_off: timedelta
    cold_c: Decimal
    hot_c: Decimal
    watches: tuple[WatchTable, ...]


def version_of(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def sample() -> str:
    return (resources.files("headend.commands") / "policy.toml").read_text(encoding="utf-8")


def read(document: str, name: str = "policy") -> Rules:
    """Raises `UsageFault` naming key and what was expected."""
    try:
        file = msgspec.convert(tomllib.loads(document), _File)
    except tomllib.TOMLDecodeError as error:
        raise UsageFault(f"{name}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        key = where.strip("`").removeprefix("$.") if where else ""
        raise UsageFault(f"{name}: {key + ': ' if key else ''}{what}") from error
    for key, problem in _problems(file):
        raise UsageFault(f"{name}: {key}: {problem}")
    return _rules(file, version_of(document))


def _rules(file: _File, version: str) -> Rules:
    policy = Policy(
        version=version,
        reasons={code: ReasonRule(_functions(r.functions), r.windows, r.notice) for code, r in file.reason.items()},
        caps=tuple(
            Cap(c.name, c.effect, _span(c.window), c.per, c.commands, c.watts, c.permille, c.source) for c in file.cap
        ),
        ramps={effect: Ramp(ramp.in_flight, ramp.watts_per_minute) for effect, ramp in file.ramp.items()},
        windows=tuple(Window(frozenset(_DAYS.index(d) for d in w.weekdays), w.start, w.end) for w in file.window),
        longest=_span(file.order.longest),
        bulk=file.order.bulk,
        protection_fresh=_span(file.fresh.protection),
        weather_fresh=_span(file.fresh.weather),
        automatic_live=file.automatic_live,
    )
    return Rules(
        policy,
        Holidays(frozenset(file.holidays.days), file.holidays.first, file.holidays.last),
        _span(file.order.usual),
        _span(file.fresh.clock),
        _span(file.clock.off),
        Decimal(file.weather.cold_c),
        Decimal(file.weather.hot_c),
        tuple(file.watch),
    )


def _problems(file: _File) -> Iterator[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    spans = {
        "order.longest": file.order.longest, "order.usual": file.order.usual, "fresh.protection": file.fresh.protection,
        "fresh.weather": file.fresh.weather, "fresh.clock": file.fresh.clock, "clock.off": file.clock.off,
        **{f"cap[{number}].window": cap.window for number, cap in enumerate(file.cap)},
        **{f"watch[{number}].span": w.span for number, w in enumerate(file.watch) if w.kind != "hours"},
    }  # fmt: skip
    for key, text in spans.items():
        yield from _span_problem(key, text)
    if file.order.bulk < 0:
        yield "order.bulk", "is at least 0"
    yield from _decimals({"weather.cold_c": file.weather.cold_c, "weather.hot_c": file.weather.hot_c})
    if file.holidays.first > file.holidays.last:
        yield "holidays.last", "expected a day not before first"
    for code, reason in file.reason.items():
        yield from ((f"reason.{code}.functions", problem) for problem in _unknown(reason.functions))
    names: set[str] = set()
    for number, cap in enumerate(file.cap):
        key = f"cap[{number}]"
        limits: Mapping[str, int | None] = {"commands": cap.commands, "watts": cap.watts, "permille": cap.permille}
        if not cap.name or cap.name in names:
            yield f"{key}.name", f"{cap.name!r}, expected a name of its own"
        if all(limit is None for limit in limits.values()):
            yield key, "limits nothing: expected commands, watts or permille"
        yield from ((f"{key}.{what}", "is at least 0") for what, limit in limits.items() if (limit or 0) < 0)
        names.add(cap.name)
    for effect in (Effect.CUTS, Effect.RESTORES):
        if effect not in file.ramp:
            yield f"ramp.{effect}", "is missing: without it nothing is sent"
        if not any(cap.effect is effect and cap.source is None for cap in file.cap):
            yield "cap", f"none is for all that {effect}: without one nothing is released"
    for number, window in enumerate(file.window):
        key = f"window[{number}]"
        if window.start >= window.end:
            yield f"{key}.end", "expected a later time than start, on the same day"
        yield from (
            (f"{key}.weekdays", f"{d!r}, expected {', '.join(_DAYS)}") for d in window.weekdays if d not in _DAYS
        )
    for number, watch in enumerate(file.watch):
        if watch.kind == "hours" and (watch.start is None or watch.end is None or watch.start >= watch.end):
            yield f"watch[{number}]", "expected start and a later end"
        if watch.commands < 0:
            yield f"watch[{number}].commands", "is at least 0"


def _unknown(words: list[str]) -> Iterator[str]:
    known = {*(f.value for f in Function), *(e.value for e in Effect)}
    yield from (f"{word!r}, expected one of {', '.join(sorted(known))}" for word in words if word not in known)


def _functions(words: list[str]) -> frozenset[Function]:
    return frozenset(f for f, traits in TRAITS.items() if f.value in words or traits.effect.value in words)


def _decimals(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, text in given.items():
        try:
            sound = Decimal(text).is_finite()
        except InvalidOperation:
            sound = False
        if not sound:
            yield key, f'{text!r}, expected a number such as "-5.5"'


def _span_problem(key: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        if not seconds(text):
            yield key, f"{text!r}, expected a duration above 0"
    except ValueError as error:
        yield key, str(error)


def _span(text: str) -> timedelta:
    return timedelta(seconds=seconds(text))
