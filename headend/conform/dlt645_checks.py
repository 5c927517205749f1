"""What a DL/T 645 meter is asked in a conformance run: reads alone, nothing that acts on it.

Clauses are those of DL/T 645-2007; the edition of 1997 has the same frame (its chapter 5) with shorter identifiers.
"""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Final

from headend.conform.check import Check, Verdict, failed, lacking, passed, unclear
from headend.conform.dlt645_bench import Dlt645Bench, told
from headend.conform.dlt645_framing import FRAMING
from protocols.dlt645.address import from_wire
from protocols.dlt645.frame import FUNCTION, Frame
from protocols.dlt645.words import refusal
from protocols.errors import BadAnswer, ModelError

_LEAST_S, _MOST_S = 0.020, 0.500


async def _wildcard(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.energy), to=b"\xaa" * 6)
    if heard.silent:
        return lacking("silence")
    return _found(bench, heard.frames, told(heard), wildcard=True)


async def _shortened(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.energy), to=bench.own[:3] + b"\xaa" * 3)
    if heard.silent:
        return lacking("silence")
    return _found(bench, heard.frames, told(heard), wildcard=False)


async def _address(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(b"", 0x13, to=b"\xaa" * 6)
    if heard.silent:
        return lacking("silence")
    for frame in heard.frames:
        if frame.control == 0x93 and frame.data == bench.own == frame.address:
            return passed(from_wire(frame.data))
    return _found(bench, heard.frames, told(heard), wildcard=False)


def _found(bench: Dlt645Bench, frames: list[Frame], said: str, *, wildcard: bool) -> Verdict:
    replies = {frame.address for frame in frames}
    if bench.own in replies:
        return passed()
    if wildcard and b"\xaa" * 6 in replies:
        return passed("answers from the wildcard, not from its own address")
    if not frames or replies:
        return unclear(f"several meters at once, or another one: {said}")
    return failed(said)


async def _broadcast(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.energy), to=b"\x99" * 6)
    return passed() if heard.silent else failed(told(heard))


async def _block(bench: Dlt645Bench) -> Verdict:
    data = await bench.read(bench.names.block)
    if data is None:
        return lacking("refused")
    block = bench.values(bench.names.block, data)
    total = await bench.read(bench.names.energy)
    if total is None or not block:
        return failed("the block is answered, its first item is not")
    single = bench.values(bench.names.energy, total)[0]
    first = block[0].decimal
    if first is None or single.decimal is None:
        return unclear("the meter gives no number")
    if not 0 <= single.decimal - first <= 1:
        return failed(f"the block begins with {first}, the item by itself is {single.decimal}")
    return passed(f"{len(block)} values")


async def _follow_up(bench: Dlt645Bench) -> Verdict:
    """The longest answers that there are: blocks, and load records where the edition has them."""
    for code, more in _LONG[bench.edition]:
        try:
            data = await bench.read(code, more)
        except BadAnswer as error:
            return failed(str(error))
        parts = sum(frame.control & FUNCTION == bench.names.follow_up for frame in _frames(bench))
        if data is not None and parts:
            return passed(f"{code}: {len(data)} bytes in {parts + 1} frames")
    return lacking("no answer of this meter takes more than one frame")


def _frames(bench: Dlt645Bench) -> list[Frame]:
    return [frame for heard in bench.probe.heard for frame in heard.frames]


_LONG: Final = {
    "2007": (("06000000", b"\x0a"), ("06010000", b"\x0a"), ("0000FF00", b""), ("0001FF00", b""), ("05060101", b"")),
    "1997": (("901F", b""), ("9010", b"")),
}


async def _follow_up_unasked(bench: Dlt645Bench) -> Verdict:
    """A part that nobody was promised is refused."""
    di = bench.di(bench.names.energy)
    heard = await bench.ask(di + b"\x01" * (bench.edition == "2007"), bench.names.follow_up)
    frame = bench.answer(heard)
    if frame is not None and frame.is_abnormal:
        return passed()
    if heard.silent:
        return unclear("silence")
    return failed(told(heard))


async def _clock(bench: Dlt645Bench) -> Verdict:
    names = bench.names
    date, time = await bench.read(names.date), await bench.read(names.time)
    if date is None or time is None:
        return lacking("refused")
    texts = [str(bench.values(code, data)[0]) for code, data in ((names.date, date), (names.time, time))]
    try:
        shown = datetime.fromisoformat(f"{texts[0][:10]}T{texts[1][:8]}")
    except ValueError:
        return failed(f"no date and time: {' '.join(texts)}")
    return passed(f"{shown.isoformat(' ')}")


def _items(key: str, title: str, clause: str, codes: tuple[str, ...], more: bytes = b"") -> Check[Dlt645Bench]:
    """Some of a family's identifiers: those that the meter has are answered in their form."""

    async def run(bench: Dlt645Bench) -> Verdict:
        given: list[str] = []
        refused: list[str] = []
        for code in codes:
            try:
                data = await bench.read(code, more)
                if data:
                    bench.values(code, data)
            except ModelError as error:
                return unclear(str(error))
            (refused if data is None else given).append(code)
        if not given:
            return lacking(f"refused: {', '.join(refused)}")
        return passed(f"{len(given)} of {len(codes)} identifiers")

    return Check(key, title, clause, run)


async def _whole_model(bench: Dlt645Bench) -> Verdict:
    """Every item of the model, as it is read every day."""
    refused, wrong = [], []
    for code in bench.model.reads:
        try:
            data = await bench.read(code)
            if data is not None:
                bench.values(code, data)
        except BadAnswer as error:
            wrong.append(str(error))
            continue
        if data is None:
            refused.append(code)
    if wrong:
        return failed("; ".join(wrong[:5]))
    asked = len(bench.model.reads)
    if len(refused) == asked:
        return failed("all are refused")
    lacks = f", refused: {' '.join(refused[:20])}{' ...' if len(refused) > 20 else ''}" if refused else ""
    return passed(f"{asked - len(refused)} of {asked} items{lacks}")


async def _response_time(bench: Dlt645Bench) -> Verdict:
    """By the median of all answers of this run. A way of its own latency can only make them later."""
    if not bench.delays:
        return unclear("no answer to measure")
    middle, least, most = median(bench.delays), min(bench.delays), max(bench.delays)
    said = f"{len(bench.delays)} answers: median {middle * 1000:.0f} ms, {least * 1000:.0f} to {most * 1000:.0f} ms"
    if middle < _LEAST_S:
        return failed(f"earlier than 20 ms: {said}")
    if middle > _MOST_S:
        is_wire = bool(bench.probe.patience.bits_per_second)
        return failed(f"later than 500 ms: {said}") if is_wire else unclear(f"meter or way are slow: {said}")
    if least < _LEAST_S or most > _MOST_S:
        return unclear(f"some are out of bounds: {said}")
    return passed(said)


READING: Final[tuple[Check[Dlt645Bench], ...]] = (
    Check("block", "A block begins with what its first item is", "Annex A", _block),
    Check("follow_up", "A long answer comes in numbered parts", "5.2.3, 7", _follow_up),
    Check("follow_up_unasked", "A part that was not announced is refused", "7", _follow_up_unasked),
    Check("clock", "Date and time are read and are ones", "Annex A", _clock),
    Check("model", "Every item of the model is answered in its form", "Annex A", _whole_model),
    Check("response_time", "Answers begin 20 to 500 ms after the request", "5.3", _response_time),
)

OF_2007: Final[tuple[Check[Dlt645Bench], ...]] = (
    Check("wildcard", "The wildcard address AA..AA is answered", "5.2.2", _wildcard),
    Check("shortened", "A shortened address is answered", "5.2.2", _shortened),
    Check("read_address", "The address is told (13H)", "7", _address),
    Check("broadcast_read", "A read to the broadcast address is not answered", "5.2.2", _broadcast),
    _items("load_records", "Load records are given", "Annex A, 06", ("06000000", "06010000", "06020000"), b"\x01"),
    _items("freezes", "Freezes are given", "Annex A, 05", ("05060001", "05060101", "05040001", "05000001")),
    _items("events", "Event counts are given", "Annex A, 03", ("03110000", "03300000", "03300100", "03300D00")),
    _items("status_words", "Status words are given", "Annex A, 04", ("04000501", "04000503", "0400050A")),
)


def _refused(key: str, title: str, control: int, data: str) -> Check[Dlt645Bench]:
    """An order without password, operator and contents: there is nothing in it that a meter could do."""

    async def run(bench: Dlt645Bench) -> Verdict:
        heard = await bench.ask(bench.di(data), control)
        frame = bench.answer(heard)
        if frame is None:
            return unclear("silence") if heard.silent else failed(told(heard))
        if not frame.is_abnormal:
            return failed(f"accepted: {told(heard)}")
        code = frame.data[0] if frame.data else 0
        return passed(f"{code:02X}: {refusal(code)}")

    return Check(key, title, "5.2.3, 7", run)


REFUSALS: Final = {
    "2007": (
        _refused("write_refused", "A write (14H) without a password is refused", 0x14, "04800001"),
        _refused("control_refused", "A control order (1CH) without a password is refused", 0x1C, ""),
    ),
    "1997": (_refused("write_refused", "A write (04H) without a password is refused", 0x04, "C032"),),
}
"""By edition; only where they are asked for: nothing is sent but what acts nowhere, yet it is no read."""

CHECKS: Final = {"2007": (*FRAMING, *OF_2007, *READING), "1997": (*FRAMING, *READING)}
"""By edition."""
