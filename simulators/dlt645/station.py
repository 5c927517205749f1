"""One meter on the line: whom it hears, how it answers, and what befalls it.

A meter is silent to what is not for it: other addresses, answers of other meters, broadcasts (which it obeys). Frames
with a wrong check sum never come this far.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import ABNORMAL, FOLLOWS, REPLY, Frame, encode
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.address import READ_ADDRESS, WRITE_ADDRESS, WRITE_ADDRESS_1997
from protocols.dlt645.services.answer import refuse
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.dlt645.services.read_1997 import FOLLOW_UP_1997, READ_1997, READ_AGAIN
from protocols.dlt645.services.request import parse_request
from protocols.errors import FrameError
from simulators.dlt645 import services_1997, services_2007
from simulators.dlt645.befall import befall
from simulators.dlt645.contents import Contents
from simulators.dlt645.memory import Memory
from simulators.dlt645.piece import LongAnswer, Piece
from simulators.dlt645.quirks import Quirks
from simulators.dlt645.refusal import NO_DATA, OTHER, Refusal
from simulators.dlt645.setup import Hooks, Setup
from simulators.meter import VirtualMeter

_EVERYBODY: Final = addresses.to_wire(addresses.BROADCAST)
_WILDCARD: Final = addresses.to_wire(addresses.WILDCARD)
_ANY: Final = 0xAA
_WITH_DATA: Final = frozenset((READ_1997, FOLLOW_UP_1997, READ_AGAIN))
_NO_HOOKS: Final = Hooks()


class Dlt645Station:
    """`own` is the address as on the wire, `long` what is still owed of the last answer, `last` the last data given."""

    def __init__(
        self,
        meter: VirtualMeter,
        quirks: Quirks | None = None,
        setup: Setup | None = None,
        hooks: Hooks = _NO_HOOKS,
        moved: Callable[[Dlt645Station, bytes], None] | None = None,
    ) -> None:
        """`quirks` alone, or `setup` with its own; `moved` is told the former address when the meter gets another."""
        model = meter.plate.model
        assert isinstance(model, Dlt645Model)
        self.meter = meter
        self.setup = setup if setup is not None else Setup(quirks or Quirks())
        self.edition = model.edition
        self.own = addresses.to_wire(meter.address)
        self.long = LongAnswer(self.setup.quirks.most_data)
        self.last: Piece | None = None
        self._hooks = hooks
        self._moved = moved
        self._memory: Memory | None = None
        self.contents = Contents(meter, lambda: self.address, lambda: self._memory, self.memory)
        self._services = services_1997.SERVICES if self.edition == "1997" else services_2007.SERVICES

    @property
    def address(self) -> str:
        return addresses.from_wire(self.own)

    def memory(self, now: datetime) -> Memory:
        """Made now, if it had not been needed before."""
        if self._memory is None:
            self._memory = Memory(self.meter, self.setup, self._hooks, now)
        return self._memory

    def key_pressed(self, now: datetime) -> bool:
        return self.memory(now).key_pressed

    def happen(self, kind: str, now: datetime, seconds: float | None = None) -> None:
        """Let something happen to the meter (`befall.KINDS`), for so long or for good. Raises `ValueError`."""
        memory = self.memory(now)
        memory.catch_up(now)
        befall(memory, kind, now, seconds)

    def move(self, address: str) -> None:
        """From now on under another address."""
        before, self.own = self.own, addresses.to_wire(address)
        if self._moved is not None and before != self.own:
            self._moved(self, before)

    def answer(self, frame: Frame, now: datetime) -> bytes | None:
        """The answer with its preamble; None where a meter is silent."""
        if self._memory is not None:
            self._memory.catch_up(now)
        if frame.is_reply or not self._hears(frame) or not self.meter.era(now).awake:
            return None
        everybody = frame.address == _EVERYBODY
        service = self._services.get(frame.control)
        if service is None:
            return self._no(frame, OTHER) if self.setup.quirks.refuses_instead_of_silence and not everybody else None
        try:
            request: Any = parse_request(frame)
            if request.edition != self.edition and request.function not in services_1997.BROADCAST:
                raise FrameError("of the other edition", frame.raw[:10])
        except FrameError:
            return None if everybody else self._no(frame, NO_DATA if frame.function == FOLLOW_UP else OTHER)
        if everybody and not self._obeys_broadcast(frame.function):
            return None
        before = self._spoken(frame)
        try:
            given = service(self, request, now)
        except Refusal as refusal:
            if everybody and not self._answers_broadcast(frame.function):
                return None
            return self._refused(frame, request, refusal.error)
        if given is None or (everybody and not self._answers_broadcast(frame.function)):
            return self._no(frame, OTHER) if given is None and self._is_asked(frame) else None
        piece = given if isinstance(given, Piece) else Piece(given)
        if frame.function in _WITH_DATA and self.edition == "1997":
            self.last = piece
        spoken = self._spoken(frame) if frame.function in _ADDRESS_GIVEN else before
        return self._reply(frame, frame.function | (FOLLOWS if piece.follows else 0), piece.data, spoken)

    def give(self, di: bytes, data: bytes | None) -> Piece | None:
        """The first piece of an item's data; where there are none, what this make of meter says then."""
        self.long.forget()
        if data is not None:
            return self.long.first(di, data)
        unavailable = self.setup.quirks.unavailable
        if unavailable == "empty":
            return Piece(b"")
        if unavailable == "ff" and (item := self.contents.item(di[::-1].hex().upper())) is not None:
            return Piece(di + b"\xff" * sum(form.length for _, form in item.parts[: item.least]))
        if unavailable == "silence":
            return None
        raise Refusal(NO_DATA)

    def _hears(self, frame: Frame) -> bool:
        if frame.address in (self.own, _EVERYBODY):
            return True
        if not addresses.reaches(frame.address, self.own):
            return False
        return not (self.setup.quirks.ignores_wildcard and _ANY in frame.address)

    def _obeys_broadcast(self, function: int) -> bool:
        known = services_1997.BROADCAST if self.edition == "1997" else services_2007.BROADCAST
        return function in known or self._answers_broadcast(function)

    def _answers_broadcast(self, function: int) -> bool:
        return self.edition == "1997" and function in services_1997.ANSWERED_BROADCAST

    def _is_asked(self, frame: Frame) -> bool:
        """Whether this make of meter speaks where the standard wants silence."""
        return (
            self.setup.quirks.refuses_instead_of_silence
            and frame.address != _EVERYBODY
            and frame.function not in (READ, READ_1997)
        )

    def _no(self, frame: Frame, error: int) -> bytes | None:
        silent = services_1997.SILENT if self.edition == "1997" else services_2007.SILENT
        if frame.function in silent and not self.setup.quirks.refuses_instead_of_silence:
            return None
        return self._reply(frame, frame.function | ABNORMAL, bytes((error,)))

    def _refused(self, frame: Frame, request: Any, error: int) -> bytes:
        return refuse(self._spoken(frame), request, error, b"\xfe" * self.setup.quirks.fe)

    def _reply(self, frame: Frame, control: int, data: bytes, spoken: bytes | None = None) -> bytes:
        return encode(
            self._spoken(frame) if spoken is None else spoken, REPLY | control, data, b"\xfe" * self.setup.quirks.fe
        )

    def _spoken(self, frame: Frame) -> bytes:
        """The address in the answer."""
        wild = frame.address == _WILDCARD and self.setup.quirks.answers_as_wildcard
        return frame.address if wild and frame.function not in _OF_ADDRESSES else self.own


_OF_ADDRESSES: Final = frozenset((READ_ADDRESS, WRITE_ADDRESS))
_ADDRESS_GIVEN: Final = frozenset((WRITE_ADDRESS, WRITE_ADDRESS_1997))
"""Answered from the new address; an address that is written like any parameter, from the old one."""
