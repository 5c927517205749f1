"""The columns of a JSON object: numbers by quantity, each list with a place for every capture."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from protocols.model import Quality, Quantity
from protocols.push.arrivals import MeterKey
from protocols.push.captures import Block
from protocols.push.decimal_text import Decimals, decimals
from protocols.push.keys import Keys
from protocols.push.readings import Bytes, Ints, Places
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.scaled import power_of, steps
from protocols.push.stated import Unusable, counts_us, measured, quality_of, stated_text, stated_us
from protocols.push.stored_items import LEAST_SHIFT
from protocols.quantities import HOME

_MOST_DECIMALS: Final = 18
_INTEGERS: Final = msgspec.json.Decoder(list[int])
_ANYTHING: Final = msgspec.json.Decoder(list[Any], float_hook=Decimal)

_NO_TIME: Final = -(1 << 63)


class Column(NamedTuple):
    """Numbers that are steps by ten to `shift`; without `silent` there is one everywhere, without `quality` all is
    good."""

    numbers: Ints
    shift: int
    silent: npt.NDArray[np.bool_] | None = None
    quality: Bytes | None = None


class Columns(msgspec.Struct):
    """What a columnar object states; `columns` and `times` keep the text of their lists."""

    meters: list[str] | None = None
    addresses: list[Any] | None = None
    times: msgspec.Raw = msgspec.Raw()
    columns: dict[str, msgspec.Raw] | None = None
    decimals: dict[str, int] | None = None
    units: dict[str, Any] | None = None
    quality: dict[str, Any] | None = None

    @property
    def has_times(self) -> bool:
        return bytes(self.times) not in (b"", b"null")


def power(entry: Columns, name: str, quantity: Quantity) -> int:
    """The power of ten from a number as it stands there to steps. Raises `Unusable`."""
    told = quantity.decimals
    if entry.decimals is not None:
        places = entry.decimals.get(name, 0)
        if not 0 <= places <= _MOST_DECIMALS:
            raise Unusable(Reason.BAD_FORM, f"the decimals of {name} are not 0 to {_MOST_DECIMALS}")
        told -= places
    if entry.units is not None and name in entry.units:
        told += power_of(entry.units[name], quantity)
    return told


def spread(entry: Columns, number: int, origin: MeterKey, time_us: int, keys: Keys, rejects: Rejects) -> list[Block]:
    """The captures of message `number`. `origin` and `time_us` are of all, where `entry` does not tell them one by one.

    Raises `Unusable` where nothing can be read.
    """
    assert entry.columns is not None
    times = _times(bytes(entry.times), number, rejects) if entry.has_times else None
    lists = [told for told in (entry.meters, entry.addresses, times) if told is not None]
    count = len(lists[0]) if lists else 1
    if any(len(told) != count for told in lists):
        raise Unusable(Reason.BAD_FORM, "meters, addresses and times are not of the same number")
    key = _keys(entry, number, origin, count, keys, rejects)
    if times is None:
        times = np.full(count, time_us, np.int64)
    blocks: dict[int, Block] = {}
    for name, text in entry.columns.items():
        try:
            quantity = measured(name)
            shift = power(entry, name, quantity)
            told = _column(bytes(text), quantity, shift, number, rejects)
            if len(told.numbers) != count:
                raise Unusable(Reason.BAD_FORM, f"{name} has {len(told.numbers)} values, expected {count}")
            told = _with_quality(told, name, entry, count)
        except Unusable as error:
            rejects.add(number, error.reason, str(error))
            continue
        layout, position = HOME[quantity.id]
        if layout.id not in blocks:
            blocks[layout.id] = Block(number, layout.id, key, times)
        blocks[layout.id].fill(position, told.numbers, told.shift, told.silent, told.quality)
    good = (key >= 0) & (times != _NO_TIME)
    if good.all():
        return list(blocks.values())
    rows = np.flatnonzero(good)
    return [block.take(rows) for block in blocks.values()]


def _keys(entry: Columns, number: int, origin: MeterKey, count: int, keys: Keys, rejects: Rejects) -> Places:
    """-1 where a capture has no meter."""
    names, addresses = entry.meters, entry.addresses
    if names is None and addresses is None:
        if not (origin.name or origin.address):
            raise Unusable(Reason.NO_METER, "neither meters nor addresses are stated")
        return np.full(count, keys.number(*origin), np.intp)
    texts = [""] * count if addresses is None else [stated_text(address) for address in addresses]
    found = keys.numbers(names or [""] * count, texts, origin.line)
    missing = found.count(-1)
    if missing:
        rejects.add(number, Reason.NO_METER, "an empty name or address", missing)
    return np.array(found, np.intp)


def _times(raw: bytes, number: int, rejects: Rejects) -> Ints:
    """`_NO_TIME` where one cannot be read."""
    try:
        counts = np.array(_INTEGERS.decode(raw), np.int64)
    except (msgspec.ValidationError, OverflowError):
        return _times_one_by_one(raw, number, rejects)
    return counts_us(counts)


def _times_one_by_one(raw: bytes, number: int, rejects: Rejects) -> Ints:
    try:
        times = _ANYTHING.decode(raw)
    except (ValueError, ArithmeticError) as error:
        raise Unusable(Reason.BAD_FORM, f"times is no list: {error}") from error
    told = np.full(len(times), _NO_TIME, np.int64)
    for row, time in enumerate(times):
        try:
            told[row] = stated_us(time)
        except Unusable as error:
            rejects.add(number, error.reason, str(error))
    return told


def _column(raw: bytes, quantity: Quantity, shift: int, number: int, rejects: Rejects) -> Column:
    """Raises `Unusable`."""
    found = _integers(raw) or decimals(raw)
    if found is not None and shift - found.decimals >= LEAST_SHIFT:
        return Column(found.numbers, shift - found.decimals, found.nothing)
    return _one_by_one(raw, quantity, shift, number, rejects)


def _with_quality(column: Column, name: str, entry: Columns, count: int) -> Column:
    """Raises `Unusable`."""
    told = None if entry.quality is None else entry.quality.get(name)
    if told is None:
        return column
    said = _qualities(told, name, count)
    silent = np.zeros(count, np.bool_) if column.silent is None else column.silent
    if (~silent & (said != Quality.GOOD)).any():
        raise Unusable(Reason.BAD_QUALITY, f"{name} has a value and a quality that says that there is none")
    quality = said if column.quality is None else np.where(column.quality == Quality.GOOD, said, column.quality)
    return column._replace(quality=quality)


def _qualities(told: object, name: str, count: int) -> Bytes:
    """One for all, or a list. Raises `Unusable`."""
    if not isinstance(told, list):
        return np.full(count, quality_of(told), np.uint8)
    if len(told) != count:
        raise Unusable(Reason.BAD_QUALITY, f"{name} has {len(told)} qualities, expected {count}")
    return np.array([quality_of(one) for one in told], np.uint8)


def _integers(raw: bytes) -> Decimals | None:
    """Where all are integers that 64 bits hold."""
    if b"." in raw:
        return None
    try:
        return Decimals(np.array(_INTEGERS.decode(raw), np.int64), 0, None)
    except (msgspec.ValidationError, OverflowError):
        return None


def _one_by_one(raw: bytes, quantity: Quantity, shift: int, number: int, rejects: Rejects) -> Column:
    try:
        values = _ANYTHING.decode(raw)
    except (ValueError, ArithmeticError) as error:
        raise Unusable(Reason.BAD_FORM, f"{quantity.name} is no list: {error}") from error
    told = np.zeros(len(values), np.int64)
    silent = np.ones(len(values), np.bool_)
    quality = np.zeros(len(values), np.uint8)
    for row, value in enumerate(values):
        if value is None:
            continue
        try:
            found = steps(value, shift, quantity)
        except Unusable as error:
            rejects.add(number, error.reason, str(error))
            continue
        if found is None:
            quality[row] = Quality.OUT_OF_RANGE
        else:
            told[row], silent[row] = found, False
    return Column(told, 0, silent, quality)
