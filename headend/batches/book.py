"""What files say of points besides their values: which meter stood there when, under which ratio, and its names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.nem import OFFSET_S
from analytics.billing.exports.series import Channel, Register
from protocols.quantities import BY_ID
from storage.registers import Stay

_DAY_S: Final = 86_400


class Piece(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A meter at a point in [start, end), in seconds since 1970, under one ratio."""

    meter: str
    start: int
    end: int
    ratio: str
    serial: str = ""


class Point(msgspec.Struct, frozen=True, gc=False):
    """`pieces` follow each other without a hole: what is between two meters belongs to the former. `registers`: names
    in the market by quantity's id, empty where they are not asked for; `quantities`: those that are exported."""

    id: int
    name: str
    pieces: tuple[Piece, ...]
    quantities: tuple[int, ...]
    registers: Mapping[int, Register]


class Place(msgspec.Struct, frozen=True, gc=False):
    """A channel, and the part of the period in which it counts. `point`, `quantity`: by id."""

    point: int
    quantity: int
    channel: Channel
    start: int
    end: int

    @property
    def expected(self) -> int:
        return (self.end - self.start) // self.channel.step_s


def pieces(stays: Sequence[Stay], serials: Mapping[int, str], step_s: int) -> tuple[Piece, ...]:
    """Of one point's stays, by time. An interval belongs to the meter that stands there when it begins."""
    found: list[Piece] = []
    for stay in stays:
        start, end = _up(seconds(stay.start), step_s), _up(seconds(stay.end), step_s)
        ratio = format(Decimal(stay.multiplier).normalize(), "f")
        if found and found[-1].end < start:
            found[-1] = replace(found[-1], end=start)
        if found and (found[-1].meter, found[-1].ratio) == (stay.meter, ratio):
            found[-1] = replace(found[-1], end=max(end, found[-1].end))
        elif end > (start := max(start, found[-1].end if found else start)):
            found.append(Piece(stay.meter, start, end, ratio, serials.get(stay.meter_id, "")))
    return tuple(found)


def by_market_day(given: Sequence[Piece]) -> tuple[Piece, ...]:
    """The same for NEM12: a day at UTC+10 belongs to the meter that stands there when it begins, and ratios are told
    nowhere."""
    found: list[Piece] = []
    for piece in given:
        start = piece.start if not found else _midnight(piece.start)
        end = max(_midnight(piece.end), start) if piece is not given[-1] else piece.end
        if found and found[-1].meter == piece.meter:
            found[-1] = replace(found[-1], end=end)
        elif end > start:
            found.append(replace(piece, start=start, end=end, ratio="1"))
    return tuple(found)


def places(points: Iterable[Point], step_s: int) -> list[Place]:
    """The channels of points, by point, quantity and time."""
    words = {quantity.id: (str(quantity.obis), str(quantity.unit), quantity.decimals) for quantity in BY_ID.values()}
    return [
        Place(
            point.id,
            quantity,
            Channel(
                point.name,
                piece.meter,
                *words[quantity],
                step_s,
                ratio=piece.ratio,
                register=None if names is None else replace(names, serial=piece.serial),
            ),
            piece.start,
            piece.end,
        )
        for point in points
        for quantity in point.quantities
        for names in (point.registers.get(quantity),)
        for piece in point.pieces
    ]


def told(points: Sequence[Point]) -> list[dict[str, Any]]:
    """As JSON has it."""
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(points))
    return found


def points_of(content: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The way back."""
    return msgspec.convert(content, list[Point], str_keys=True, strict=False)


def _up(second: int, step_s: int) -> int:
    """The first interval that begins then or after."""
    return -(-second // step_s) * step_s


def _midnight(second: int) -> int:
    return _up(second + OFFSET_S, _DAY_S) - OFFSET_S
