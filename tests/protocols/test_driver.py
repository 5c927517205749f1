"""The driver on a shared line: late, foreign, half, glued and missing answers; every frame belongs to somebody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.read import read_item
from protocols.driver import Driver, Tap
from protocols.errors import LinkClosed, NoAnswer, Refused
from protocols.exchange import Ask, Exchange
from protocols.links.memory import MemoryLink, memory_pair
from protocols.modbus import rtu
from protocols.modbus.reads import RegisterRead, raw_read
from protocols.modbus.rtu import RtuReader
from protocols.modbus.wire import RtuWire
from protocols.model import Value
from protocols.timing import Timing

QUICK: Final = Timing(response=0.03, latency=0.0, gap=0.01, pause=0.0, retries=0, late=0.05)
PATIENT: Final = Timing(response=5.0, latency=0.0, gap=0.01, pause=0.005, retries=0, late=0.05)
METER: Final = "123456789012"
OTHER: Final = "123456789013"

Script = Sequence[bytes | float]
"""What the line gives back to one request: chunks as they come, and pauses in seconds between them."""


def energy(kwh: int, address: str = METER, code: str = "00010000") -> bytes:
    """A reply with `kwh` hundredths."""
    found = item(code)
    return encode(addresses.to_wire(address), 0x91, found.wire + found.encode([kwh]))


def refusal(address: str = METER) -> bytes:
    return encode(addresses.to_wire(address), 0xD1, b"\x02")


def read(address: str = METER, code: str = "00010000") -> Exchange[Frame, list[Value]]:
    return read_item(address, item(code))


class Line:
    """A driver on a memory link, and the far end that answers each request with the next script."""

    def __init__(self, timing: Timing, reader: Any, echo: bool) -> None:
        near, self.far = memory_pair()
        self.near: MemoryLink = near
        self.shown: list[tuple[str, bytes]] = []
        self.driver: Driver[Any] = Driver(
            near, reader, timing, echo=echo, tap=Tap(lambda direction, raw: self.shown.append((direction, raw)))
        )
        self.asked: list[bytes] = []
        self.heard = asyncio.Event()
        self.scripts: list[Script] = []

    async def serve(self) -> None:
        """Each request comes in one chunk, as the driver sends it."""
        with contextlib.suppress(LinkClosed):
            while True:
                self.asked.append(await self.far.receive())
                self.heard.set()
                for step in self.scripts.pop(0) if self.scripts else ():
                    if isinstance(step, bytes):
                        await self.far.send(step)
                        await asyncio.sleep(0)  # the driver takes this chunk before the next one comes
                    else:
                        await asyncio.sleep(step)

    async def ask(self, exchange: Exchange[Any, list[Value]], *scripts: Script) -> str:
        """The first value that `exchange` gives when its requests are answered by `scripts`."""
        self.scripts += scripts
        return str((await self.driver.run(exchange))[0])


Lines = Callable[..., Line]


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    tasks = []
    opened = []

    def make(timing: Timing = QUICK, reader: Any = None, echo: bool = False) -> Line:
        line = Line(timing, reader or FrameReader(), echo)
        opened.append(line)
        tasks.append(asyncio.create_task(line.serve()))
        return line

    yield make
    for line in opened:
        await line.near.close()
    await asyncio.gather(*tasks)


LATE: Final = energy(999, OTHER)
GOOD: Final = energy(12345)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([LATE, GOOD], id="before"),
        pytest.param([LATE + GOOD], id="glued before"),
        pytest.param([GOOD + LATE], id="glued after"),
        pytest.param([LATE[:7], LATE[7:] + GOOD[:9], GOOD[9:]], id="split across"),
        pytest.param([GOOD[:11], GOOD[11:] + LATE[:5], LATE[5:]], id="split behind"),
        pytest.param([bytes([byte]) for byte in LATE + GOOD], id="byte by byte"),
    ],
)
async def test_late_answer_of_another_meter_neither_counts_nor_costs(lines: Lines, script: Script) -> None:
    line = lines(PATIENT)
    assert await line.ask(read(), script) == "123.45"
    assert await line.ask(read(code="00020000"), [energy(5, code="00020000")]) == "0.05"
    assert line.driver.counters.strays == 1
    assert line.driver.counters.noise == 0
    assert line.driver.counters.answers == 2


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(["010302006ff868", "02030200de7c1c"], id="before"),
        pytest.param(["010302006ff86802030200de7c1c"], id="glued before"),
        pytest.param(["02030200de7c1c010302006ff868"], id="glued after"),
        pytest.param(["0103020", "06ff86802030", "200de7c1c"], id="split across"),
    ],
)
async def test_late_modbus_answer_neither_counts_nor_costs(lines: Lines, script: list[str]) -> None:
    """The pair that made known implementations lose the good answer, or find unit 2 inside the late frame."""
    whole = bytes.fromhex("".join(script))
    sizes = [round(len(part) / 2) for part in script]
    chunks = []
    for size in sizes[:-1]:
        chunks.append(whole[:size])
        whole = whole[size:]
    line = lines(PATIENT, RtuReader())
    exchange = raw_read("holding:0").exchange("2", RtuWire())
    assert await line.ask(exchange, [*chunks, whole]) == "222"
    assert (
        await line.ask(raw_read("holding:0").exchange("3", RtuWire()), [rtu.encode(3, bytes.fromhex("03020001"))])
        == "1"
    )
    assert line.driver.counters.strays == 1


async def test_late_answer_to_an_earlier_conversation_is_not_taken_for_the_new_one(lines: Lines) -> None:
    line = lines()
    with pytest.raises(NoAnswer):
        await line.ask(read())
    late = asyncio.create_task(line.ask(read(), [GOOD]))
    await asyncio.sleep(0)
    await line.far.send(energy(1))  # the old value, now
    assert await late == "123.45"
    assert line.driver.counters.strays == 1


async def test_late_answer_that_came_between_two_conversations_is_not_taken(lines: Lines) -> None:
    line = lines()
    with pytest.raises(NoAnswer):
        await line.ask(read())
    await line.far.send(energy(1))
    assert await line.ask(read(), [GOOD]) == "123.45"
    assert line.driver.counters.strays == 1


async def test_owed_answer_that_never_comes_is_waited_for_no_longer_than_it_can_be_late(lines: Lines) -> None:
    line = lines()
    with pytest.raises(NoAnswer):
        await line.ask(read())
    assert await line.ask(read(), [GOOD]) == "123.45"
    assert len(line.asked) == 2


async def test_every_try_owes_an_answer(lines: Lines) -> None:
    """Asked twice, answered once: the other answer is still owed, and it is the old one."""
    line = lines(Timing(response=0.02, latency=0.0, gap=0.01, pause=0.0, retries=1, late=0.05))
    assert await line.ask(read(), [], [energy(1)]) == "0.01"
    again = asyncio.create_task(line.ask(read(), [GOOD]))
    await asyncio.sleep(0)
    await line.far.send(energy(2))
    assert await again == "123.45"


async def test_same_question_within_a_conversation_is_new_once_it_was_answered(lines: Lines) -> None:
    """Read, act, read again: an answer to the first reading must not pass for the second."""

    def before_and_after() -> Exchange[Frame, list[Value]]:
        first = yield from read()
        second = yield from read()
        return [*second, *first]

    line = lines(Timing(response=0.02, latency=0.0, gap=0.01, pause=0.0, retries=1, late=0.05))
    value = await line.ask(before_and_after(), [], [energy(1), 0.01, energy(1)], [energy(2)])  # the first try's, late
    assert value == "0.02"
    assert len(line.asked) == 3
    assert line.driver.counters.strays == 1


async def test_question_asked_again_by_its_conversation_takes_any_of_its_answers(lines: Lines) -> None:
    def stubborn() -> Exchange[Frame, list[Value]]:
        try:
            return (yield from read())
        except NoAnswer:
            return (yield from read())

    line = lines()
    assert await line.ask(stubborn(), [], [GOOD]) == "123.45"
    assert line.driver.counters.timeouts == 1


async def test_other_items_and_meters_do_not_wait_for_what_is_owed(lines: Lines) -> None:
    line = lines(Timing(response=0.02, latency=0.0, gap=0.01, pause=0.0, retries=0, late=60.0))
    with pytest.raises(NoAnswer):
        await line.ask(read())
    assert await line.ask(read(OTHER), [energy(7, OTHER)]) == "0.07"
    assert await line.ask(read(code="00020000"), [energy(8, code="00020000")]) == "0.08"


async def test_late_refusal_is_not_taken_for_a_refusal_of_the_next_item(lines: Lines) -> None:
    line = lines(Timing(response=0.02, latency=0.0, gap=0.01, pause=0.0, retries=0, late=60.0))
    with pytest.raises(NoAnswer):
        await line.ask(read())
    assert await line.ask(read(code="00020000"), [refusal(), energy(8, code="00020000")]) == "0.08"
    assert line.driver.counters.strays == 1


async def test_refusal_ends_the_conversation_at_once(lines: Lines) -> None:
    line = lines(PATIENT)
    with pytest.raises(Refused, match="no requested data"):
        await line.ask(read(), [refusal()])
    assert line.driver.counters.answers == 1
    assert line.driver.counters.retries == 0


async def test_silence_is_asked_again_and_then_told(lines: Lines) -> None:
    line = lines(Timing(response=0.01, latency=0.01, gap=0.01, pause=0.0, retries=2, late=0.05))
    with pytest.raises(NoAnswer, match=r"^no answer within 0\.02 s, asked 3 times$"):
        await line.ask(read())
    counters = line.driver.counters
    assert (counters.requests, counters.retries, counters.timeouts, counters.answers) == (3, 2, 3, 0)
    assert len(set(line.asked)) == 1


@pytest.mark.parametrize(
    ("scripts", "noise"),
    [
        pytest.param([[], [], []], 0, id="silence"),
        pytest.param([[b"\x55\x33"], [], [b"\x11"]], 3, id="noise"),
        pytest.param([[GOOD[:-1]], [], []], len(GOOD) - 1, id="half a frame"),
        pytest.param([[LATE], [LATE], []], 0, id="others' frames are no noise"),
        pytest.param([[b"\xfe\xfe"], [], []], 0, id="nor is what wakes a meter"),
    ],
)
async def test_silence_and_noise_are_told_apart(lines: Lines, scripts: list[Script], noise: int) -> None:
    line = lines(Timing(response=0.03, latency=0.0, gap=0.01, pause=0.0, retries=2, late=0.05))
    with pytest.raises(NoAnswer, match=f"{noise} bytes that were no frame$" if noise else "times$") as caught:
        await line.ask(read(), *scripts)
    assert caught.value.noise == noise


async def test_answer_to_the_last_try_is_an_answer(lines: Lines) -> None:
    line = lines(Timing(response=0.01, latency=0.01, gap=0.01, pause=0.0, retries=2, late=0.05))
    assert await line.ask(read(), [], [], [GOOD]) == "123.45"
    assert line.driver.counters.retries == 2


async def test_what_acts_is_sent_once(lines: Lines) -> None:
    def act() -> Exchange[Frame, list[Value]]:
        ask = next(read())
        yield Ask(ask.data, ask.answers, ask.reply_bytes, ask.confusable, repeatable=False)
        return []

    line = lines(Timing(response=0.01, latency=0.0, gap=0.01, pause=0.0, retries=5, late=0.05))
    with pytest.raises(NoAnswer, match="asked 1 times"):
        await line.driver.run(act())
    assert len(line.asked) == 1


async def test_duplicate_answers_are_strays(lines: Lines) -> None:
    line = lines(PATIENT)
    assert await line.ask(read(), [GOOD + GOOD + GOOD]) == "123.45"
    assert line.driver.counters.strays == 2


async def test_half_a_frame_before_silence_does_not_hide_the_good_one(lines: Lines) -> None:
    """The half frame claims bytes that never come; after the gap it is given up and the good one counts."""
    line = lines(PATIENT)
    assert await line.ask(read(), [LATE[:-3], 0.03, GOOD]) == "123.45"
    assert line.driver.counters.noise == 1


async def test_good_frame_behind_a_false_start_comes_out_at_the_gap(lines: Lines) -> None:
    line = lines(PATIENT)
    false_start = bytes.fromhex("681111111111116891ff")
    assert await line.ask(read(), [false_start + GOOD]) == "123.45"
    assert line.driver.counters.noise_bytes == len(false_start) + 4  # and the FEH between


async def test_frame_that_grows_at_the_deadline_is_not_cut_off(lines: Lines) -> None:
    timing = Timing(response=0.03, latency=0.0, gap=0.03, pause=0.0, retries=0, late=0.05)
    line = lines(timing)
    assert await line.ask(read(), [0.02, GOOD[:9], 0.015, GOOD[9:]]) == "123.45"


@pytest.mark.parametrize("babble", [b"\x55", b"\x68", b"\xfe", LATE])
async def test_babble_that_never_ends_ends_at_the_deadline(lines: Lines, babble: bytes) -> None:
    line = lines()
    running = asyncio.create_task(line.ask(read()))
    while not running.done():
        await line.far.send(babble)
        await asyncio.sleep(0)
    with pytest.raises(NoAnswer):
        running.result()
    assert line.driver.counters.timeouts == 1


@pytest.mark.parametrize("cut", [0, 1, 5, 12, 19])
async def test_echo_of_our_own_bytes_is_taken_off(lines: Lines, cut: int) -> None:
    line = lines(PATIENT, echo=True)
    request = next(read()).data
    assert await line.ask(read(), [part for part in (request[:cut], request[cut:] + GOOD) if part]) == "123.45"
    assert (line.driver.counters.strays, line.driver.counters.noise) == (0, 0)


@pytest.mark.parametrize("cut", [3, 10, 13, 20])
async def test_answer_without_the_echo_keeps_its_head(lines: Lines, cut: int) -> None:
    """Request and answer begin alike: FEH, 68H and the address."""
    line = lines(PATIENT, echo=True)
    assert await line.ask(read(), [GOOD[:cut], GOOD[cut:]]) == "123.45"
    assert line.driver.counters.noise == 0


async def test_echo_that_was_not_announced_is_a_stray(lines: Lines) -> None:
    line = lines(PATIENT)
    assert await line.ask(read(), [next(read()).data + GOOD]) == "123.45"
    assert line.driver.counters.strays == 1


async def test_modbus_echo_is_taken_off(lines: Lines) -> None:
    line = lines(PATIENT, RtuReader(), echo=True)
    wanted: RegisterRead = raw_read("holding:0")
    request = next(wanted.exchange("2", RtuWire())).data
    assert await line.ask(wanted.exchange("2", RtuWire()), [request + bytes.fromhex("02030200de7c1c")]) == "222"
    assert line.driver.counters.noise == 0


async def test_closed_link_is_thrown_into_the_conversation(lines: Lines) -> None:
    seen: list[str] = []

    def noting() -> Exchange[Frame, list[Value]]:
        try:
            return (yield from read())
        except LinkClosed as error:
            seen.append(error.label)
            raise

    line = lines(PATIENT)
    running = asyncio.create_task(line.ask(noting()))
    await line.heard.wait()
    await line.far.close()
    with pytest.raises(LinkClosed):
        await running
    assert seen == ["link_closed"]


async def test_conversation_may_live_without_an_answer(lines: Lines) -> None:
    def modest() -> Exchange[Frame, list[Value]]:
        try:
            return (yield from read())
        except NoAnswer:
            return item("00010000").nothing()

    line = lines()
    assert await line.ask(modest()) == ""


async def test_conversations_of_one_line_do_not_mix(lines: Lines) -> None:
    line = lines(PATIENT)
    line.scripts = [[energy(number, str(number))] for number in range(1, 6)]
    values = await asyncio.gather(*(line.driver.run(read(str(number))) for number in range(1, 6)))
    assert [value.number for (value,) in values] == [1, 2, 3, 4, 5]
    assert line.driver.counters.strays == 0


async def test_given_up_conversation_still_owes_its_answer(lines: Lines) -> None:
    """Whoever ran it lost patience: the next one to ask the same must not be given the old answer."""
    line = lines(PATIENT)
    running = asyncio.create_task(line.ask(read()))
    await line.heard.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    again = asyncio.create_task(line.ask(read(), [GOOD]))
    await asyncio.sleep(0)
    await line.far.send(energy(1))
    assert await again == "123.45"


async def test_tap_shows_what_is_sent_received_and_dropped(lines: Lines) -> None:
    line = lines(PATIENT)
    await line.ask(read(), [b"\x55" + GOOD])
    assert [direction for direction, _ in line.shown] == [">", "<", "!"]
    assert line.shown[0][1] == line.asked[0]
    assert line.driver.counters.busy_s > 0
