"""A load control programme: what its members agreed to. Data, from a TOML file.

    name = "cool-afternoons"
    kind = "direct"
    areas = ["TR01", "TR02"]
    share = "0.8"
    longest = "2h"
    round = "30m"
    rest = "4h"
    calls_per_day = 1
    calls_per_month = 10
    notice = "1h"
    opt_out = true
    price = "1.20"
    currency = "CNY"

Kinds: ``direct`` control of members; ``orderly`` use of power (有序用电) by rounds over everybody; ``power_limit``
(功控) and ``energy_limit`` (电控) of a customer; ``cost`` control (费控) by the balance.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from analytics.errors import AnalyticsError


class ProgrammeFault(AnalyticsError):
    """A programme, an event or a list that means nothing, or not what it must."""


class Kind(StrEnum):
    DIRECT = "direct"
    ORDERLY = "orderly"
    POWER_LIMIT = "power_limit"
    ENERGY_LIMIT = "energy_limit"
    COST = "cost"


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    kind: str
    areas: list[str] = []
    leave_out: tuple[str, ...] = ("outage_sensitive",)
    only: list[str] = []
    share: str = "1"
    longest: str = "2h"
    round: str = ""
    rest: str = "0h"
    calls_per_day: int = 1
    calls_per_month: int = 31
    notice: str = "0h"
    opt_out: bool = True
    price: str = "0"
    currency: str = "CNY"
    warn_at: str = ""
    cut_at: str = ""
    grace: str = "72h"
    limit_kw: str = ""
    limit_from: str = "00:00"
    limit_to: str = "23:59"
    limit_kwh: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """`share` of a member's load goes when it is called: 1 where the relay takes all. `longest` a member is off at a
    time, `rest` before it is called again. `round`: members take turns of that length; None: all at once.

    Of cost control: below `warn_at` the customer is warned, below `cut_at` a notice starts a clock of `grace`.
    """

    name: str
    kind: Kind
    areas: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ("outage_sensitive",)
    """Who has one of these labels is never called."""
    only: tuple[str, ...] = ()
    """Who has none of these labels is not called; empty: labels do not matter."""
    share: Decimal = Decimal(1)
    longest: timedelta = timedelta(hours=2)
    round: timedelta | None = None
    rest: timedelta = timedelta(0)
    calls_per_day: int = 1
    calls_per_month: int = 31
    notice: timedelta = timedelta(0)
    opt_out: bool = True
    price: Decimal = Decimal(0)
    """For a kWh that was delivered."""
    currency: str = "CNY"
    warn_at: Decimal | None = None
    cut_at: Decimal | None = None
    grace: timedelta = timedelta(hours=72)
    limit_kw: Decimal | None = None
    """Of a power limit, between `limit_from` and `limit_to` of the local day."""
    limit_from: time = time(0)
    limit_to: time = time(23, 59)
    limit_kwh: Decimal | None = None
    """Of an energy limit, in a local month."""


_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def load(path: str | Path) -> Programme:
    """Raises `ProgrammeFault`, which names the file and the key."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ProgrammeFault(f"{path}: {error.strerror}") from error
    return parse(text, str(path))


def parse(text: str, where: str = "programme") -> Programme:
    """Raises `ProgrammeFault`."""
    try:
        table = msgspec.convert(tomllib.loads(text), _Table)
        kind = Kind(table.kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProgrammeFault(f"{where}: {error}") from error
    except ValueError:
        raise ProgrammeFault(f"{where}: kind: {table.kind!r}, expected one of {', '.join(Kind)}") from None
    made = Programme(
        table.name,
        kind,
        tuple(table.areas),
        tuple(table.leave_out),
        tuple(table.only),
        _number(table.share, f"{where}: share"),
        span(table.longest, f"{where}: longest"),
        span(table.round, f"{where}: round") if table.round else None,
        span(table.rest, f"{where}: rest"),
        table.calls_per_day,
        table.calls_per_month,
        span(table.notice, f"{where}: notice"),
        table.opt_out,
        _number(table.price, f"{where}: price"),
        table.currency,
        _number(table.warn_at, f"{where}: warn_at") if table.warn_at else None,
        _number(table.cut_at, f"{where}: cut_at") if table.cut_at else None,
        span(table.grace, f"{where}: grace"),
        _number(table.limit_kw, f"{where}: limit_kw") if table.limit_kw else None,
        _time(table.limit_from, f"{where}: limit_from"),
        _time(table.limit_to, f"{where}: limit_to"),
        _number(table.limit_kwh, f"{where}: limit_kwh") if table.limit_kwh else None,
    )
    _check(made, where)
    return made


def _check(made: Programme, where: str) -> None:
    problems = {
        "name: is empty": not made.name.strip(),
        "share: expected above 0, at most 1": not 0 < made.share <= 1,
        "longest: expected more than nothing": made.longest <= timedelta(0),
        "round: expected at most longest": made.round is not None and not timedelta(0) < made.round <= made.longest,
        "calls_per_day, calls_per_month: expected 1 or more": min(made.calls_per_day, made.calls_per_month) < 1,
        "price: expected 0 or more": made.price < 0,
        "round: expected, since orderly use goes by rounds": made.kind is Kind.ORDERLY and made.round is None,
        "cut_at: expected, since cost control cuts by the balance": made.kind is Kind.COST and made.cut_at is None,
        "limit_kw: expected 0 or more, since power is limited": made.kind is Kind.POWER_LIMIT
        and (made.limit_kw is None or made.limit_kw < 0 or made.limit_from == made.limit_to),
        "limit_kwh: expected above 0, since energy is limited": made.kind is Kind.ENERGY_LIMIT
        and (made.limit_kwh is None or made.limit_kwh <= 0),
        "warn_at: expected above cut_at": None not in (made.warn_at, made.cut_at)
        and (made.warn_at or 0) <= (made.cut_at or 0),
    }
    for problem, is_so in problems.items():
        if is_so:
            raise ProgrammeFault(f"{where}: {problem}")


def span(text: str, where: str) -> timedelta:
    """``30m``, ``2h``, ``1d``. Raises `ProgrammeFault`."""
    match = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if match is None:
        raise ProgrammeFault(f"{where}: {text!r}, expected a span such as 30m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2]]


def _time(text: str, where: str) -> time:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        found = time(0, tzinfo=UTC)
    if found.tzinfo is not None:
        raise ProgrammeFault(f"{where}: {text!r}, expected a time of day such as 18:00")
    return found


def _number(text: str, where: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ProgrammeFault(f"{where}: {text!r}, expected a number")
    return number
