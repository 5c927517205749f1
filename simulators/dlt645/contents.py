"""What a meter's items hold, as bytes: values of a moment, parameters, records, freezes, load records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.blocks import Blocks
from protocols.dlt645.formats import Format, Moment
from protocols.dlt645.item import Item
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.load_record import CLASSES, LoadRecords
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.read import Read
from protocols.errors import ModelError
from protocols.model import Kind, Part
from protocols.quantities import BY_NAME
from simulators.dlt645 import journal
from simulators.dlt645.counts import counted, grid_word_1997, phase_loss_1997
from simulators.dlt645.defaults import COMMON
from simulators.dlt645.disturbances import COUNTERS, DISTURBANCES, journal_kind
from simulators.dlt645.freezes import SETTLEMENT, SETTLEMENTS, froze
from simulators.dlt645.journal import encode_record, scaled
from simulators.dlt645.memory import Memory
from simulators.dlt645.profile import EARLIEST, FROM_TIME
from simulators.meter import VirtualMeter
from simulators.snapshot import PEAK_ENDS

_AA: Final = b"\xaa"
_BLOCK: Final = 0xFF
_SPELLED: Final = {"YY": "%y", "MM": "%m", "DD": "%d", "WW": "0%w", "hh": "%H", "mm": "%M", "ss": "%S"}
_CLOCKS: Final = ("date", "time", "clock")
_NEVER: Final = "0"
_DISTURBED: Final = frozenset(journal_kind(log) for log in DISTURBANCES.values())
_SWITCHINGS: Final = {"1D": journal.TRIP, "1E": journal.CLOSE}
# Counters of 1997: the kind of event, and which of its record it is the time of (None: the count)
_COUNTERS_1997: Final = {
    "programming_time": (journal.PROGRAMMING, True),
    "demand_clear_time": (journal.DEMAND_CLEAR, True),
    "programming_count": (journal.PROGRAMMING, False),
    "demand_clear_count": (journal.DEMAND_CLEAR, False),
}

Raw = Callable[[Part, Format], bytes | None]
"""The bytes of a part; None where the meter knows of no such thing."""


class Contents:
    """`recall` gives the meter's memory where one has been made, `memory` makes it."""

    def __init__(
        self,
        meter: VirtualMeter,
        own: Callable[[], str],
        recall: Callable[[], Memory | None],
        memory: Callable[[datetime], Memory],
    ) -> None:
        self._meter = meter
        self._own = own
        self._recall = recall
        self._memory = memory
        model = meter.plate.model
        assert isinstance(model, Dlt645Model)
        self._model = model

    def item(self, code: str) -> Item | None:
        """None where neither the model nor any rule knows it."""
        read = self._model.reads.get(code)
        if read is not None:
            return read.item
        try:
            return standard_item(code, self._model.edition)
        except ModelError:
            return None

    def data(self, request: Read, now: datetime) -> bytes | None:
        """The item's bytes; None where the meter does not have it. Nothing at all where no load record matches."""
        item = self.item(request.item)
        if item is None or not item.readable:
            return None
        if isinstance(item.shape, LoadRecords):
            return self._load_records(item, item.shape, request, now)
        if request.count is not None:
            return None
        if item.edition == "2007" and item.code[:2] in ("03", "1D", "1E"):
            return self._records(item, now)
        if item.edition == "2007" and item.code[:2] == "05":
            return self._frozen(item, now)
        if item.edition == "2007" and item.code[:2] in ("00", "01") and 1 <= int(item.code[6:], 16) <= SETTLEMENTS:
            return self._settled(item, now)
        return compose(item, lambda part, form: self._present(part, form, now, item.writable))

    def _present(self, part: Part, form: Format, now: datetime, writable: bool) -> bytes | None:
        if part.quantity is None:
            own = self._own_part(part, form, now, writable)
            if own is not None:
                return own
        return self.measured(part, form, now)

    def measured(self, part: Part, form: Format, at: datetime) -> bytes | None:
        """What is measured, as it was at `at`."""
        meter = self._meter
        quantity = part.quantity or BY_NAME.get(part.name)
        if quantity is None or quantity not in meter.plate.digits:
            return None
        if quantity.kind is Kind.TIME:
            end = PEAK_ENDS[quantity.name](meter.snapshot(at))
            return form.encode(_digits(form, meter.local_time(end)) if end else _NEVER)
        return form.encode(scaled(meter.value(quantity, at), part.decimals))

    def _own_part(self, part: Part, form: Format, now: datetime, writable: bool) -> bytes | None:
        """Clock, identity, counters of 1997, parameters."""
        memory = self._recall()
        if part.name in _CLOCKS:
            shown = memory.dial.shown(now) if memory is not None else self._meter.clock(now)
            return form.encode(_digits(form, shown))
        if part.name == "communication_address":
            return form.encode(addresses.normal(self._own()).replace("A", "0"))
        if part.name in _COUNTERS_1997 and self._model.edition == "1997":
            return self._counter(part, form)
        if part.name.startswith("phase_loss_") and self._model.edition == "1997":
            held = phase_loss_1997(part.name, memory.journal if memory is not None else None)
            if isinstance(held, str):
                return form.encode(_digits(form, datetime.fromisoformat(held)))
            return form.encode(_NEVER if held is None else held % 10 ** (2 * form.length))
        if part.name == "grid_status_word":
            return form.encode(grid_word_1997(self._meter.era(now).faults))
        if part.name == "meter_status_word":
            return form.encode((self._meter.snapshot(now).watts < 0) << 4)
        written = memory.parameters.get((part.item, part.name)) if memory is not None else None
        if written is not None:
            return form.encode(written)
        if part.name == "meter_number":
            return form.encode(addresses.normal(self._meter.address).replace("A", "0"))
        if part.name in COMMON:
            return form.encode(COMMON[part.name])
        return bytes(form.length) if writable else None

    def _counter(self, part: Part, form: Format) -> bytes:
        kind, is_time = _COUNTERS_1997[part.name]
        memory = self._recall()
        if not is_time:
            return form.encode(memory.journal.count(kind) % 10 ** (2 * form.length) if memory is not None else 0)
        last = memory.journal.last(kind) if memory is not None else None
        return form.encode(_digits(form, datetime.fromisoformat(str(last["time"]))) if last else _NEVER)

    def _records(self, item: Item, now: datetime) -> bytes | None:
        kind, number, place = _event(item.code)
        if item.code in COUNTERS:
            return counted(item, self._memory(now).journal)
        if kind not in journal.KINDS and kind not in _DISTURBED and kind not in _SWITCHINGS.values():
            return None
        held = self._memory(now).journal
        if number == 0:
            return item.encode([held.count(kind)])
        record = held.last(kind, number)
        if place is None or record is None:
            return encode_record(item, record)
        part, form = item.parts[0]
        whole = self.item(f"{item.code[:4]}FF{number:02X}")
        assert whole is not None
        return form.encode(scaled(record.get(whole.parts[place][0].name), part.decimals))

    def _frozen(self, item: Item, now: datetime) -> bytes | None:
        _, kind, what, number = bytes.fromhex(item.code)
        stamp = self._memory(now).freezes.stamp(kind, number, now)
        if stamp is None:
            return None

        def raw(part: Part, form: Format) -> bytes | None:
            if part.name.endswith("_freeze_" + str(number) + "_time"):
                return form.encode(_digits(form, stamp.own))
            di1 = int(part.item[4:6], 16)
            return self.measured(part, form, stamp.at) if froze(stamp, di1) else None

        if what != _BLOCK and not froze(stamp, what):
            return None
        return compose(item, raw)

    def _settled(self, item: Item, now: datetime) -> bytes | None:
        """What the present item held on a settlement day."""
        stamp = self._memory(now).freezes.stamp(SETTLEMENT, int(item.code[6:], 16), now)
        present = self.item(item.code[:6] + "00")
        if stamp is None or present is None:
            return None
        return compose(present, lambda part, form: self.measured(part, form, stamp.at))

    def _load_records(self, item: Item, shape: LoadRecords, request: Read, now: datetime) -> bytes | None:
        _, number, _, which = bytes.fromhex(item.code)
        if which == FROM_TIME and request.since is None:
            return None
        profile = self._memory(now).profile
        since = datetime.fromisoformat(request.since) if request.since and which != EARLIEST else None
        raw = b""
        for stamp in profile.stamps(number, which, 1 if request.count is None else request.count, since, now):
            classes = (number,) if number else tuple(n for n in range(1, CLASSES + 1) if profile.holds(n, stamp))
            blocks = {}
            for each in classes:
                values = [self._recorded(part, stamp.at) for part, _ in shape.blocks[each - 1].parts]
                blocks[each] = values if any(value is not None for value in values) else []
            raw += shape.encode_record(stamp.own.isoformat(timespec="minutes"), blocks)
        return raw

    def _recorded(self, part: Part, at: datetime) -> int | str | None:
        quantity = BY_NAME.get(part.name)
        if quantity is None or quantity not in self._meter.plate.digits:
            return None
        return scaled(self._meter.value(quantity, at), part.decimals)


def compose(item: Item, raw: Raw) -> bytes | None:
    """The item from its parts. A block ends with the last rate that the meter has; closed ones may be empty."""
    if isinstance(item.shape, Blocks):
        blocks = [_run(block.parts, block.group, raw) for block in item.shape.blocks]
        return b"".join(block + _AA for block in blocks) if any(blocks) else None
    return _run(item.parts, item.least, raw) or None


def _run(parts: tuple[tuple[Part, Format], ...], group: int, raw: Raw) -> bytes:
    """Whole groups up to the first part that the meter has not; nothing where none of them holds anything."""
    found = b""
    anything = False
    for start in range(0, len(parts), group):
        pieces = [(form, raw(part, form)) for part, form in parts[start : start + group]]
        if any(piece is None for _, piece in pieces):
            break
        anything = anything or any(piece != b"\xff" * form.length for form, piece in pieces)
        found += b"".join(piece for _, piece in pieces if piece is not None)
    return found if anything else b""


def _digits(form: Format, shown: datetime) -> str:
    """A moment as `form` spells it."""
    assert isinstance(form, Moment)
    pattern = form.pattern
    return "".join(shown.strftime(_SPELLED[pattern[at : at + 2]]) for at in range(0, len(pattern), 2))


def _event(code: str) -> tuple[str, int, int | None]:
    """Kind of event, which record (0: the count), and which of its parts (None: all)."""
    number = int(code[6:], 16)
    kind = _SWITCHINGS.get(code[:2])
    if kind is None:
        return code[:6], number, None
    if code[4:6] == "00":
        return kind, 0, None
    return kind, number, None if code[4:6] == "FF" else int(code[4:6], 16) - 1
