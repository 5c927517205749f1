"""NEM13: register reads of the Australian market (AEMO Meter Data File Format, 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.nem import DECIMALS, TRANSACTIONS, checked, fit, header, line, register, stamp, unit
from analytics.billing.exports.series import ACTUAL, Batch, Channel, Flag

VERSION: Final = "NEM13"


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """The register as it stood. `text` is told as it was read, leading zeros and all."""

    text: str
    time: datetime
    flag: Flag = ACTUAL
    code: str = ""
    """TransCode of the visit (550), or empty."""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a register counted between two reads. `direction`: E from the grid, I to it. `quantity`: counts of
    10^-decimals of the channel's unit, multiplied where the meter's factor is; below zero
    where it takes back what was estimated too high."""

    channel: Channel
    direction: str
    previous: RegisterRead
    current: RegisterRead
    quantity: int

    @property
    def amount(self) -> Decimal:
        return Decimal(self.quantity).scaleb(-self.channel.decimals)


def write(consumptions: Iterable[Consumption], batch: Batch) -> Iterator[bytes]:
    """One file. Raises `ExportFault` where a read or quantity is not what the format can say."""
    yield header(VERSION, batch)
    for one in consumptions:
        yield _record(one, batch)
    yield b"900\r\n"


def _record(one: Consumption, batch: Batch) -> bytes:
    channel, names = one.channel, register(one.channel)
    problem = None
    if one.direction not in ("E", "I"):
        problem = f"direction {one.direction!r}, expected E or I"
    elif one.previous.time >= one.current.time:
        problem = "the previous read is not before the current one"
    elif one.quantity % 10 ** max(channel.decimals - DECIMALS[unit(channel)], 0):
        problem = f"a quantity has more than {DECIMALS[unit(channel)]} decimals"
    if problem is not None:
        raise ExportFault(channel.point, channel.channel, problem)
    fields = [
        "250", names.nmi[:10], names.configuration, names.register, names.suffix, names.datastream, names.serial,
        one.direction, *_read(one.previous, channel), *_read(one.current, channel),
        _quantity(one), unit(channel), names.next_read, stamp(batch.created), "",
    ]  # fmt: skip
    made = line(fields)
    if one.previous.code or one.current.code:
        made += line(["550", one.previous.code, one.previous.order, one.current.code, one.current.order])
    return made


def _quantity(one: Consumption) -> str:
    decimals = min(one.channel.decimals, DECIMALS[unit(one.channel)])
    return format(one.amount.quantize(Decimal(1).scaleb(-decimals)), "f")


def _read(read: RegisterRead, channel: Channel) -> list[str]:
    whole, _, fraction = read.text.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or len(whole) + len(fraction) > 15:
        raise ExportFault(channel.point, channel.channel, f"{read.text!r} is no register")
    if (read.code and read.code not in TRANSACTIONS) or not fit(read.order):
        raise ExportFault(channel.point, channel.channel, f"a visit of code {read.code!r}")
    flag = checked(read.flag, channel)
    return [read.text, stamp(read.time), flag.quality + flag.method, flag.reason, flag.note]
