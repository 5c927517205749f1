"""All meters of a line; a meter comes to life when it is first asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FUNCTION, Frame, encode, flaw
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.control import CONTROL
from protocols.dlt645.services.mask import masked
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.request import parse_request
from protocols.dlt645.words import CONTROLS
from protocols.errors import FrameError
from simulators.bus import Late
from simulators.dlt645.quirks import Quirks
from simulators.dlt645.setup import Hooks, Setup
from simulators.dlt645.station import Dlt645Station
from simulators.load import mixed
from simulators.meter import VirtualMeter

_ANY: Final = 0xAA
_EVERYBODY: Final = b"\x99" * 6
_LATE, _NEIGHBOUR, _DOUBLED = 1, 2, 3
_SHARES: Final = 1 << 20
_NO_HOOKS: Final = Hooks()
_PLAIN: Final = Quirks()


class Dlt645Stations:
    """`setup` may be quirks alone."""

    def __init__(
        self, meters: Iterable[VirtualMeter], setup: Setup | Quirks = _PLAIN, hooks: Hooks = _NO_HOOKS
    ) -> None:
        self._setup = Setup(setup) if isinstance(setup, Quirks) else setup
        self._hooks = hooks
        self._meters: dict[bytes, tuple[VirtualMeter, ...]] = {
            addresses.to_wire(meter.address): (meter,) for meter in meters
        }
        self._awake: dict[VirtualMeter, Dlt645Station] = {}
        self._count = 0

    def reader(self) -> FrameReader:
        return FrameReader()

    def answers(self, frame: Frame, now: datetime) -> list[bytes | Late]:
        """What all meters together answer: more than one answer collides on the line."""
        if frame.address in self._meters:
            reached = list(self._meters[frame.address])
        elif frame.address == _EVERYBODY:
            reached = [meter for meters in self._meters.values() for meter in meters]
        elif _ANY in frame.address:
            reached = [
                meter
                for own, meters in self._meters.items()
                if addresses.reaches(frame.address, own)
                for meter in meters
            ]
        else:
            return []
        found: list[bytes | Late] = []
        for meter in reached:
            answer = self.station(meter).answer(frame, now)
            if answer is not None:
                found.append(self._quirky(meter, frame, answer, now))
        return found

    def station(self, meter: VirtualMeter) -> Dlt645Station:
        station = self._awake.get(meter)
        if station is None:
            station = Dlt645Station(meter, None, self._setup, self._hooks, self._moved)
            self._awake[meter] = station
        return station

    def tell(self, frame: Frame | bytes) -> dict[str, str]:
        """A frame for the wire log: passwords are not shown."""
        raw = frame.raw if isinstance(frame, Frame) else frame
        told = {"hex": masked(raw)}
        bare = raw.lstrip(b"\xfe")
        if flaw(bare) is None:
            told |= {"address": addresses.from_wire(bare[1:7]), "control": f"{bare[8]:02X}"}
            if bare[8] == CONTROL:
                told["command"] = _command(Frame(bare))
        return told

    def _moved(self, station: Dlt645Station, before: bytes) -> None:
        meter = station.meter
        left = tuple(one for one in self._meters[before] if one is not meter)
        if left:
            self._meters[before] = left
        else:
            del self._meters[before]
        self._meters[station.own] = (*self._meters.get(station.own, ()), meter)

    def _quirky(self, meter: VirtualMeter, frame: Frame, answer: bytes, now: datetime) -> bytes | Late:
        quirks = self._setup.quirks
        if not (quirks.late or quirks.neighbour or quirks.doubled):
            return answer
        self._count += 1
        if self._drawn(meter, _NEIGHBOUR, quirks.neighbour):
            answer = self._of_neighbour(meter, frame, now) + answer
        elif self._drawn(meter, _DOUBLED, quirks.doubled):
            answer += answer
        return Late(quirks.late_s, answer) if self._drawn(meter, _LATE, quirks.late) else answer

    def _drawn(self, meter: VirtualMeter, kind: int, share: float) -> bool:
        return mixed(meter.seed + kind, self._count) % _SHARES < share * _SHARES

    def _of_neighbour(self, meter: VirtualMeter, frame: Frame, now: datetime) -> bytes:
        """The same question, answered by the next meter of the line; by one that is not there if it is alone."""
        own = self.station(meter).own
        others = [address for address in self._meters if address != own]
        if others and frame.control & FUNCTION in (0x01, 0x11):
            place = sorted(others)[mixed(meter.seed, self._count) % len(others)]
            neighbour = self.station(self._meters[place][0])
            asked = Frame(encode(place, frame.control, frame.data, b""))
            return neighbour.answer(asked, now) or b""
        return encode(bytes((own[0] ^ 0x01,)) + own[1:], frame.control | 0x80, frame.data[:4])


def _command(frame: Frame) -> str:
    """What a control frame orders; "sealed" where only the meter's security module can tell."""
    try:
        request = parse_request(frame)
    except FrameError:
        return "malformed"
    if not isinstance(request, Ordered) or isinstance(request.order, Opaque):
        return "sealed"
    command = int(request.order.command)
    return CONTROLS.get(command, f"{command:02X}")
