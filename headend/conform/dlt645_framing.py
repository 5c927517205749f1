"""What a conformance run asks of a DL/T 645 meter's frames: that it answers what is meant for it and nothing else.

Clauses are those of DL/T 645-2007; the edition of 1997 has the same frame (its chapter 5) with shorter identifiers.
"""

from __future__ import annotations

from typing import Final

from headend.conform.check import Check, Verdict, failed, passed, unclear
from headend.conform.dlt645_bench import Dlt645Bench, told
from protocols.dlt645.address import from_wire
from protocols.dlt645.frame import END, FUNCTION, REPLY, encode
from protocols.dlt645.words import refusal

_REFUSAL: Final = 0xC0


def _with_preamble(count: int) -> Check[Dlt645Bench]:
    async def run(bench: Dlt645Bench) -> Verdict:
        heard = await bench.ask(bench.di(bench.names.energy), preamble=b"\xfe" * count)
        return passed() if bench.gives(heard, bench.names.energy) else failed(told(heard))

    return Check(f"preamble_{count}", f"A request behind {count} bytes FEH is answered", "5.3.1", run)


async def _energy(bench: Dlt645Bench) -> Verdict:
    data = await bench.read(bench.names.energy)
    if data is None:
        return failed("refused")
    return passed(", ".join(f"{value} {value.part.unit}" for value in bench.values(bench.names.energy, data)))


async def _answer_form(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.energy))
    frame = bench.answer(heard)
    if frame is None:
        return failed(told(heard))
    if frame.control != REPLY | bench.names.read:
        return failed(f"control {frame.control:02X}, expected {REPLY | bench.names.read:02X}")
    if heard.noise or heard.raw.lstrip(b"\xfe") != frame.raw:
        return failed(f"beside the frame there is more: {heard.raw.hex(' ').upper()}")
    before = len(heard.raw) - len(frame.raw)
    return passed(f"{before} bytes FEH before it")


async def _once(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.energy))
    return passed() if len(heard.frames) == 1 else failed(f"{len(heard.frames)} frames: {told(heard)}")


async def _bad_sum(bench: Dlt645Bench) -> Verdict:
    raw = encode(bench.own, bench.names.read, bench.di(bench.names.energy))
    heard = await bench.send(raw[:-2] + bytes(((raw[-2] + 1) & 0xFF, END)))
    return passed() if heard.silent else failed(told(heard))


async def _bad_end(bench: Dlt645Bench) -> Verdict:
    raw = encode(bench.own, bench.names.read, bench.di(bench.names.energy))
    heard = await bench.send(raw[:-1] + b"\x17")
    return passed() if heard.silent else failed(told(heard))


async def _after_rubbish(bench: Dlt645Bench) -> Verdict:
    request = encode(bench.own, bench.names.read, bench.di(bench.names.energy))
    heard = await bench.send(b"\x00\x55\x16\xff" + request)
    return passed() if bench.gives(heard, bench.names.energy) else failed(told(heard))


async def _after_half_a_frame(bench: Dlt645Bench) -> Verdict:
    """Bytes of one frame are at most 500 ms apart: after that half a request is none."""
    first = await bench.send(encode(bench.own, bench.names.read, bench.di(bench.names.energy))[:-3])
    if not first.silent:
        return failed(f"half a request is answered: {told(first)}")
    heard = await bench.ask(bench.di(bench.names.energy))
    return passed() if bench.gives(heard, bench.names.energy) else failed(f"the next request: {told(heard)}")


async def _stranger(bench: Dlt645Bench) -> Verdict:
    other = bytes((bench.own[0] ^ 0x01,)) + bench.own[1:]
    heard = await bench.ask(bench.di(bench.names.energy), to=other)
    if heard.silent:
        return passed()
    if any(frame.is_reply and frame.address == other and not frame.is_abnormal for frame in heard.frames):
        return unclear(f"there may be a meter {from_wire(other)} on the line: {told(heard)}")
    return failed(told(heard))


async def _reply_heard(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.energy), REPLY | bench.names.read)
    return passed() if heard.silent else failed(told(heard))


async def _unknown_item(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(bench.di(bench.names.unknown))
    frame = bench.answer(heard)
    if frame is None:
        return failed(f"expected a refusal: {told(heard)}")
    if frame.control != _REFUSAL | bench.names.read:
        return failed(f"control {frame.control:02X}, expected {_REFUSAL | bench.names.read:02X}")
    if len(frame.data) != 1:
        return failed(f"{len(frame.data)} bytes of data, expected the error byte")
    if not frame.data[0]:
        return failed("the error byte is 00")
    return passed(f"{frame.data[0]:02X}: {refusal(frame.data[0])}")


async def _unknown_service(bench: Dlt645Bench) -> Verdict:
    heard = await bench.ask(b"", 0x1F)
    frame = bench.answer(heard)
    if heard.silent:
        return passed("silence")
    if frame is not None and frame.is_abnormal and frame.control & FUNCTION == 0x1F:
        return passed("refused")
    return failed(told(heard))


FRAMING: Final[tuple[Check[Dlt645Bench], ...]] = (
    Check("energy", "Total energy is read", "7, Annex A", _energy),
    Check("answer_form", "The answer is one sound frame with nothing but FEH before it", "5.2, 5.3.1", _answer_form),
    _with_preamble(0),
    _with_preamble(1),
    _with_preamble(4),
    _with_preamble(16),
    Check("answers_once", "A request is answered once", "5.3", _once),
    Check("bad_check_sum", "A request with a wrong check sum is not answered", "5.2.6, 5.3.4", _bad_sum),
    Check("bad_end", "A request that does not end in 16H is not answered", "5.2.7", _bad_end),
    Check("after_rubbish", "A request right behind other bytes is answered", "5.2.1", _after_rubbish),
    Check("half_a_frame", "After half a request and a silence the next one is answered", "5.3", _after_half_a_frame),
    Check("stranger", "A request to another address is not answered", "5.2.2", _stranger),
    Check("overheard_reply", "Another station's answer is not answered", "5.2.3", _reply_heard),
    Check("unknown_item", "An unknown identifier is refused with an error byte", "5.2.3, 7", _unknown_item),
    Check("unknown_service", "A service that does not exist gives no data", "5.2.3", _unknown_service),
)
