"""A DL/T 645 meter model as data.

    [dlt645]
    edition = "2007"                          # or "1997", whose identifiers have four digits: "9010"
    items = ["00010000", "0001FF00", ...]    # the data identifiers that the meter answers

    [[format]]                                # only where the meter's digits differ from the standard's
    item = "02010100"
    bytes = 3
    decimals = 3
    signed = false

    [dlt645.keeps]                            # what the meter keeps by itself; nothing where this is left out
    load_classes = [1, 2, 3, 4, 5, 6]         # load records, one every load_minutes, for load_days
    load_minutes = 15
    load_days = 40
    hourly = 254                              # freezes, at the full hour
    daily = 62                                # freezes, at daily_at
    daily_at = "00:00"
    settlements = 12                          # on the day and hour ("01T00") of settlement_at

    [dlt645.relay]                            # what its relay does and shows beyond the standard: nothing if left out
    limit = true                              # it opens above 04000E01
    prepaid = true                            # it opens when what was paid is used up
    kept = true                               # b12 of status word 3 says that supply is kept

What an item holds is known from its identifier (`items.py`), and a quantity is found by its OBIS code, so a model lists
identifiers and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from protocols.dlt645 import address as addresses
from protocols.dlt645.formats import Number
from protocols.dlt645.frame import Frame
from protocols.dlt645.item import Item
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.items import resized
from protocols.dlt645.load_record import CLASSES
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.recall.freezes import DAILY, HOURLY, FreezeMemory
from protocols.dlt645.recall.load_records import LoadRecordMemory
from protocols.dlt645.recall.memory import Memory
from protocols.dlt645.recall.memory import plan as recall_plan
from protocols.dlt645.recall.settlements import SettlementMemory
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.read import read_item
from protocols.dlt645.services.read_1997 import read_item_1997
from protocols.dlt645.wire import Wire
from protocols.errors import BadAnswer, ModelError
from protocols.exchange import Exchange
from protocols.meter_model import Golden, Head
from protocols.model import Quantity, Value
from protocols.quantities import quantity as named_quantity
from protocols.recall import RecallPlan, Wanted

_IDENTIFIER: Final = {"2007": 4, "1997": 2}
"""Bytes of a data identifier."""
_ADDRESS_DIGITS: Final = 12
_DAILY_AT: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_SETTLEMENT_AT: Final = re.compile(r"(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3])")


@dataclass(frozen=True, slots=True)
class ItemRead:
    """One item read with 11H, in the 1997 edition with 01H."""

    item: Item

    @property
    def label(self) -> str:
        return self.item.code

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(part.quantity for part, _ in self.item.parts if part.quantity)

    def exchange(self, address: str, wire: Wire) -> Exchange[Frame, list[Value]]:
        read = read_item_1997 if self.item.edition == "1997" else read_item
        return read(address, self.item, wire.preamble)


class _Keeps(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    load_classes: list[int] = []
    load_minutes: int = 15
    load_days: int = 40
    hourly: int = 0
    daily: int = 0
    daily_at: str = "00:00"
    settlements: int = 0
    settlement_at: str = "01T00"


class Relay(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a meter's relay does by itself, and shows, beyond the standard: as the head of this file has it."""

    limit: bool = False
    prepaid: bool = False
    kept: bool = False


_NOTHING: Final = Relay()


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    items: list[str]
    edition: Edition = "2007"
    keeps: _Keeps = _Keeps()
    relay: Relay = _NOTHING


class _FormatRow(msgspec.Struct, forbid_unknown_fields=True):
    item: str
    bytes: int
    decimals: int
    signed: bool = False


class _Tables(msgspec.Struct, forbid_unknown_fields=True):
    dlt645: _Settings
    format: list[_FormatRow] = []


@dataclass(frozen=True)
class Dlt645Model:
    """A kind of DL/T 645 meter; see `protocols.meter_model.MeterModel`."""

    head: Head
    reads: Mapping[str, ItemRead]
    edition: Edition = "2007"
    memories: tuple[Memory, ...] = ()
    relay: Relay = _NOTHING

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        found = {q.id: q for read in self.reads.values() for q in read.quantities}
        return tuple(found[key] for key in sorted(found))

    def plan(self, wanted: Collection[Quantity]) -> tuple[ItemRead, ...]:
        """Blocks where they save a request, single items elsewhere: cover most with each, the shortest on a tie."""
        missing = set(wanted)
        lacking = missing - set(self.quantities)
        if lacking:
            names = ", ".join(sorted(q.name for q in lacking))
            raise ModelError(f"model {self.head.name} does not give {names}")
        chosen = []
        while missing:
            best = max(
                self.reads.values(), key=lambda r: (len(missing & set(r.quantities)), -r.item.least, -r.item.longest)
            )
            chosen.append(best)
            missing -= set(best.quantities)
        return tuple(chosen)

    def recall(self, wanted: Wanted, zone: ZoneInfo, now: datetime, without: Collection[str] = ()) -> RecallPlan:
        return recall_plan([memory for memory in self.memories if memory.kind not in without], wanted, zone, now)

    def read(self, item: str) -> ItemRead:
        if item.upper() in self.reads:
            return self.reads[item.upper()]
        try:
            quantity = named_quantity(item)
        except ModelError as no_quantity:
            try:
                found = standard_item(item, self.edition)
            except ModelError as no_item:
                raise ModelError(f"{no_item}; and {no_quantity}") from None
            if not found.readable:
                raise ModelError(f"item {found.code} ({found.name}) is write only") from None
            return ItemRead(found)
        return self.plan([quantity])[0]

    def digits(self, quantity: Quantity) -> int | None:
        """Of the shortest form in which the meter shows it: what is signed does not go on to zero."""
        forms = [form for read in self.reads.values() for part, form in read.item.parts if part.quantity == quantity]
        shown = [f for f in forms if isinstance(f, Number)]
        if not shown or any(form.signed for form in shown):
            return None
        return min(2 * form.length - form.decimals for form in shown)

    def check_address(self, address: str) -> str:
        """Meters of 1997 fill a short address up with AA, those of 2007 with zeros (5.2.2 of both editions)."""
        full = addresses.normal(address)
        digits = address.strip()
        if self.edition == "1997" and len(digits) < _ADDRESS_DIGITS:
            return (digits if len(digits) % 2 == 0 else f"0{digits}").rjust(_ADDRESS_DIGITS, "A")
        return full

    def decode_golden(self, golden: Golden) -> list[Value]:
        """Run the conversation against the golden bytes: the request must be ours, the reply must answer it."""
        asked = _only_frame(golden.request)
        read = self.read(asked.data[: _IDENTIFIER[self.edition]][::-1].hex())
        conversation = read.exchange(addresses.from_wire(asked.address), Wire())
        ask = next(conversation)
        if ask.data.lstrip(b"\xfe") != asked.raw:
            raise BadAnswer(f"golden request differs from ours, {ask.data.hex(' ')}", golden.request)
        reply = _only_frame(golden.reply)
        if not ask.answers(reply):
            raise BadAnswer("golden reply does not answer the golden request", golden.reply)
        try:
            conversation.send(reply)
        except StopIteration as done:
            values: list[Value] = done.value
            return values
        raise BadAnswer("golden reply wants a follow-up", golden.reply)


def parse_model(head: Head, tables: dict[str, Any]) -> Dlt645Model:
    """The rest of a model file whose protocol is dlt645. Raises `ModelError` or `msgspec.ValidationError`."""
    settings = msgspec.convert(tables, _Tables)
    formats = {row.item.upper(): _number(row) for row in settings.format}
    reads: dict[str, ItemRead] = {}
    for code in settings.dlt645.items:
        found = standard_item(code, settings.dlt645.edition)
        if found.code in reads:
            raise ModelError(f"dlt645.items holds {found.code} twice")
        reads[found.code] = ItemRead(resized(found, formats.pop(found.code)) if found.code in formats else found)
    if formats:
        raise ModelError(f"format.item {next(iter(formats))} is not among dlt645.items")
    if not reads:
        raise ModelError("dlt645.items is empty, expected at least one data identifier")
    edition, relay = settings.dlt645.edition, settings.dlt645.relay
    if edition == "1997" and relay != _NOTHING:
        raise ModelError("dlt645.relay is for edition 2007: that of 1997 switches nothing")
    return Dlt645Model(head, reads, edition, _memories(settings.dlt645), relay)


def _memories(settings: _Settings) -> tuple[Memory, ...]:
    """Raises `ModelError` naming the key and what was expected."""
    keeps = settings.keeps
    if settings.edition == "1997" and keeps != _Keeps():
        raise ModelError("dlt645.keeps is for edition 2007: that of 1997 leaves the records to the maker")
    for key, most in (("hourly", 254), ("daily", 62), ("settlements", 12), ("load_minutes", 1440), ("load_days", 3660)):
        if not 0 <= getattr(keeps, key) <= most or (key == "load_minutes" and not keeps.load_minutes):
            raise ModelError(f"dlt645.keeps.{key} is {getattr(keeps, key)}, expected up to {most}")
    if not set(keeps.load_classes) <= set(range(1, CLASSES + 1)) or 1440 % keeps.load_minutes:
        raise ModelError("dlt645.keeps: expected load_classes of 1 to 6, and load_minutes that divide a day")
    at, day = _DAILY_AT.fullmatch(keeps.daily_at), _SETTLEMENT_AT.fullmatch(keeps.settlement_at)
    if at is None or day is None:
        raise ModelError("dlt645.keeps: expected daily_at such as 00:00 and settlement_at such as 01T00")
    memories: list[Memory] = [LoadRecordMemory(n, keeps.load_minutes, keeps.load_days) for n in keeps.load_classes]
    if keeps.hourly:
        memories.append(FreezeMemory(HOURLY, keeps.hourly))
    if keeps.daily:
        memories.append(FreezeMemory(DAILY, keeps.daily, 60 * int(at[1]) + int(at[2])))
    if keeps.settlements:
        memories.append(SettlementMemory(keeps.settlements, int(day[1]), int(day[2])))
    return tuple(memories)


def _number(row: _FormatRow) -> Number:
    try:
        return Number(row.bytes, row.decimals, row.signed)
    except ValueError as error:
        raise ModelError(f"format of item {row.item}: {error}") from error


def _only_frame(raw: bytes) -> Frame:
    reader = FrameReader()
    frames = [event for event in [*reader.feed(raw), *reader.flush()] if isinstance(event, Frame)]
    if len(frames) != 1:
        raise BadAnswer("expected exactly one sound frame", raw)
    return frames[0]
