"""The meter's side of DL/T 645-2007: read (11H), follow-up (12H), read address (13H); everything else is refused.

A meter is silent to what is not for it: other addresses, the broadcast, answers of other meters. Frames with a wrong
check sum never come this far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import ABNORMAL, FOLLOWS, REPLY, Frame, encode
from protocols.dlt645.item import Item
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.address import READ_ADDRESS
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.errors import ModelError
from protocols.model import Part, Quantity
from simulators.meter import VirtualMeter

_OTHER_ERROR: Final = 0x01
_NO_DATA: Final = 0x02
_NOT_AUTHORISED: Final = 0x04
_REFUSALS: Final[Mapping[int, int]] = {
    0x03: _OTHER_ERROR,
    0x14: _NOT_AUTHORISED,
    0x16: _OTHER_ERROR,
    0x17: _OTHER_ERROR,
    0x18: _NOT_AUTHORISED,
    0x19: _NOT_AUTHORISED,
    0x1A: _NOT_AUTHORISED,
    0x1B: _NOT_AUTHORISED,
    0x1C: _NOT_AUTHORISED,
    0x1D: _OTHER_ERROR,
}
"""Services that change something, and the error byte with which these meters answer them. Writing an address (15H) and
the broadcast time (08H) have no refusal in the standard: silence."""

_IDENTITY: Final[Mapping[str, str]] = {
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
}
_CLOCKS: Final[Mapping[str, str]] = {"date": "%y%m%d0%w", "time": "%H%M%S", "clock": "%y%m%d0%w%H%M%S"}
_PEAK_TIMES: Final = {
    "active_demand_import_max_time": "peak_taken",
    "active_demand_export_max_time": "peak_given",
    "reactive_demand_import_max_time": "peak_taken",
}
_NEVER: Final = "0"


@dataclass(frozen=True, slots=True)
class Quirks:
    """How one make of meter differs from the book.

    `fe`: FEH bytes before each answer. `most_data`: bytes of data in one frame; what is longer comes in follow-ups.
    `answers_as_wildcard`: a wildcard request is answered with the address AA..AA. `unavailable`: what is said of an
    item that the meter has not: refused with D1 02, a 91H without any data, or FFH in every byte.
    """

    fe: int = 4
    most_data: int = 200
    answers_as_wildcard: bool = False
    unavailable: Literal["refuse", "empty", "ff"] = "refuse"

    def __post_init__(self) -> None:
        if not 0 <= self.fe <= 7:
            raise ValueError(f"fe is {self.fe}, expected 0 to 7")
        if not 8 <= self.most_data <= 255:
            raise ValueError(f"most_data is {self.most_data}, expected 8 to 255: identifier, data and sequence number")
        if self.unavailable not in ("refuse", "empty", "ff"):
            raise ValueError(f"unavailable is {self.unavailable!r}, expected refuse, empty or ff")


class Dlt645Station:
    """One meter on the line. Remembers its last long answer until the next read, and nothing else."""

    def __init__(self, meter: VirtualMeter, quirks: Quirks) -> None:
        self.meter = meter
        self._quirks = quirks
        self._own = addresses.to_wire(meter.address)
        self._long: tuple[bytes, bytes] | None = None

    def answer(self, frame: Frame, now: datetime) -> bytes | None:
        """The answer with its preamble; None where a meter is silent."""
        if frame.is_reply or not addresses.reaches(frame.address, self._own):
            return None
        if frame.function == READ:
            return self._read(frame, now)
        if frame.function == FOLLOW_UP:
            return self._follow_up(frame)
        if frame.function == READ_ADDRESS:
            return None if frame.data else self._reply(frame, READ_ADDRESS, self._own)
        error = _REFUSALS.get(frame.function)
        return None if error is None else self._refuse(frame, error)

    def _read(self, frame: Frame, now: datetime) -> bytes:
        self._long = None
        if len(frame.data) < 4:
            return self._refuse(frame, _OTHER_ERROR)
        di = frame.data[:4]
        data = self._data(di[::-1].hex().upper(), now) if len(frame.data) == 4 else None
        if data is None:
            return self._without(frame, di)
        room = self._quirks.most_data - len(di)
        more = len(data) > room
        if more:
            self._long = (di, data[room:])
        return self._reply(frame, READ | (FOLLOWS if more else 0), di + data[:room])

    def _follow_up(self, frame: Frame) -> bytes:
        """The piece of that number, as often as it is asked for: an answer may be lost on its way."""
        di, sequence = frame.data[:4], frame.data[4:]
        room = self._quirks.most_data - len(di) - len(sequence)
        begin = (sequence[0] - 1) * room if len(sequence) == 1 else -1
        if self._long is None or self._long[0] != di or not 0 <= begin < len(self._long[1]):
            return self._refuse(frame, _NO_DATA)
        data = self._long[1][begin:]
        return self._reply(frame, FOLLOW_UP | (FOLLOWS if len(data) > room else 0), di + data[:room] + sequence)

    def _without(self, frame: Frame, di: bytes) -> bytes:
        """The answer to a question for an item that the meter has not."""
        if self._quirks.unavailable == "empty":
            return self._reply(frame, READ, b"")
        if self._quirks.unavailable == "ff" and (item := self._item(di[::-1].hex().upper())) is not None:
            length = sum(form.length for _, form in item.parts[: item.least])
            return self._reply(frame, READ, di + b"\xff" * length)
        return self._refuse(frame, _NO_DATA)

    def _refuse(self, frame: Frame, error: int) -> bytes:
        return self._reply(frame, frame.function | ABNORMAL, bytes((error,)))

    def _reply(self, frame: Frame, control: int, data: bytes) -> bytes:
        wild = frame.address == b"\xaa" * 6 and self._quirks.answers_as_wildcard
        own = frame.address if wild and control != READ_ADDRESS else self._own
        return encode(own, REPLY | control, data, b"\xfe" * self._quirks.fe)

    def _item(self, code: str) -> Item | None:
        model = self.meter.plate.model
        assert isinstance(model, Dlt645Model)
        if code in model.reads:
            return model.reads[code].item
        try:
            return standard_item(code)
        except ModelError:
            return None  # no rule knows it: neither does the meter

    def _data(self, code: str, now: datetime) -> bytes | None:
        """The item's bytes; None where the meter does not have it. A block ends with the last rate that it has."""
        item = self._item(code)
        if item is None:
            return None
        texts: list[int | str | None] = []
        for part, _ in item.parts:
            try:
                texts.append(self._part(part, now))
            except _NoSuchPart:
                break
        if len(texts) < item.least or all(text is None for text in texts):
            return None
        return item.encode(texts)

    def _part(self, part: Part, now: datetime) -> str | None:
        """The part's digits or text; None for nothing. Raises `_NoSuchPart` where the meter knows of no such thing."""
        meter = self.meter
        if part.quantity is not None and part.quantity in meter.plate.digits:
            return _digits(meter.value(part.quantity, now), part, part.quantity)
        if part.name in _CLOCKS:
            return meter.clock(now).strftime(_CLOCKS[part.name])
        if part.name in _PEAK_TIMES:
            end = getattr(meter.snapshot(now), _PEAK_TIMES[part.name]).end
            return meter.local_time(end).strftime("%y%m%d%H%M") if end else _NEVER
        if part.name == "reactive_demand_export_max_time":
            return _NEVER
        if part.name in ("communication_address", "meter_number"):
            return addresses.normal(meter.address)
        if part.quantity is not None or part.name not in _IDENTITY:
            raise _NoSuchPart(part.name)
        return _IDENTITY[part.name]


class _NoSuchPart(Exception):
    """The item names something that this meter does not have."""


def _digits(value: Decimal | None, part: Part, quantity: Quantity) -> str | None:
    if value is None:
        return None
    scaled = value.scaleb(part.decimals)
    if scaled != int(scaled):
        raise ValueError(f"{quantity.name} is {value}: more digits than item {part.item} has")
    return str(int(scaled))


class Dlt645Stations:
    """All meters of a line; a meter comes to life when it is first asked."""

    def __init__(self, meters: Iterable[VirtualMeter], quirks: Quirks = Quirks()) -> None:
        self._meters = {addresses.to_wire(meter.address): meter for meter in meters}
        self._quirks = quirks
        self._awake: dict[bytes, Dlt645Station] = {}

    def reader(self) -> FrameReader:
        return FrameReader()

    def answers(self, frame: Frame, now: datetime) -> list[bytes]:
        """What all meters together answer: more than one answer collides on the line."""
        if frame.address in self._meters:
            reached = [frame.address]
        elif 0xAA in frame.address:
            reached = [own for own in self._meters if addresses.reaches(frame.address, own)]
        else:
            return []
        answers = (self._station(own).answer(frame, now) for own in reached)
        return [answer for answer in answers if answer is not None]

    def _station(self, own: bytes) -> Dlt645Station:
        station = self._awake.get(own)
        if station is None:
            station = self._awake[own] = Dlt645Station(self._meters[own], self._quirks)
        return station
