"""What acts on a meter goes out with a permit only, and once: the driver fails closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from protocols.dlt645.frame import Frame, encode
from protocols.errors import NoAnswer, NotPermitted
from protocols.exchange import Ask, Exchange
from tests.protocols.dlt645.peer import QUICK, allow, peer

METER: Final = bytes.fromhex("129078563412")
ACT: Final[Ask[Frame]] = Ask(
    data=encode(METER, 0x1C, bytes(16)),
    answers=lambda frame: frame.control == 0x9C,
    reply_bytes=12,
    confusable=(METER, 0x1C),
    repeatable=False,
    acts=True,
)
LOOK: Final[Ask[Frame]] = Ask(
    data=encode(METER, 0x11, bytes(4)), answers=lambda frame: frame.control == 0x91, reply_bytes=20
)
DONE: Final = encode(METER, 0x9C)
SEEN: Final = encode(METER, 0x91, bytes(8))


def say(*asks: Ask[Frame]) -> Exchange[Frame, int]:
    count = 0
    for ask in asks:
        frame = yield ask
        count += frame.control
    return count


@pytest.mark.parametrize("ask", [ACT, replace(ACT, answered=False), replace(ACT, repeatable=True)])
async def test_default_driver_refuses_what_acts_and_sends_not_one_byte(ask: Ask[Frame]) -> None:
    async with peer(DONE) as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(say(ask))
    assert line.asked == []
    assert line.driver.counters.requests == 0


async def test_default_driver_still_reads_before_and_after_a_refused_act() -> None:
    async with peer(SEEN, SEEN) as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(say(LOOK, ACT))
        assert await line.driver.run(say(LOOK)) == 0x91
    assert line.asked == [LOOK.data, LOOK.data]


async def test_permitted_act_goes_out_once() -> None:
    async with peer(DONE, permit=allow) as line:
        assert await line.driver.run(say(ACT)) == 0x9C
    assert line.asked == [ACT.data]


@pytest.mark.parametrize("repeatable", [False, True])
async def test_permitted_act_goes_out_once_though_nobody_answers(repeatable: bool) -> None:
    async with peer(timing=QUICK, permit=allow) as line:
        with pytest.raises(NoAnswer, match="asked 1 times"):
            await line.driver.run(say(replace(ACT, repeatable=repeatable)))
    assert line.asked == [ACT.data]
    assert line.driver.counters.retries == 0


@pytest.mark.parametrize("answered", [False, True])
async def test_conversation_that_acts_again_after_silence_is_stopped(answered: bool) -> None:
    ask = replace(ACT, answered=answered)

    def stubborn() -> Exchange[Frame, None]:
        try:
            yield ask
        except NoAnswer:
            yield ask

    async with peer(timing=QUICK, permit=allow) as line:
        with pytest.raises(ValueError, match="acts again"):
            await line.driver.run(stubborn())
    assert line.asked == [ACT.data]


async def test_state_can_be_read_back_after_silence() -> None:
    def careful() -> Exchange[Frame, str]:
        try:
            yield ACT
        except NoAnswer:
            yield LOOK
            return "looked"
        return "done"

    async with peer(None, SEEN, timing=QUICK, permit=allow) as line:
        assert await line.driver.run(careful()) == "looked"
    assert line.asked == [ACT.data, LOOK.data]


async def test_permit_is_asked_for_each_act_and_for_nothing_else() -> None:
    asked: list[Ask[Any]] = []
    async with peer(SEEN, DONE, SEEN, permit=asked.append) as line:
        await line.driver.run(say(LOOK, ACT, LOOK))
    assert asked == [ACT]


async def test_permit_that_ends_between_two_acts_stops_the_second() -> None:
    other = replace(ACT, data=encode(METER, 0x14, bytes(13)), answers=lambda frame: frame.control == 0x94)
    left = [ACT]

    def once(ask: Ask[Frame]) -> None:
        if ask not in left:
            raise NotPermitted("not this one")
        left.remove(ask)

    async with peer(DONE, encode(METER, 0x94), permit=once) as line:
        with pytest.raises(NotPermitted, match="not this one"):
            await line.driver.run(say(ACT, other))
    assert line.asked == [ACT.data]


async def test_conversation_cannot_swallow_a_missing_permit() -> None:
    seen: list[NotPermitted] = []

    def greedy() -> Exchange[Frame, None]:
        try:
            yield ACT
        except NotPermitted as error:
            seen.append(error)

    async with peer() as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(greedy())
    assert seen == []
    assert NotPermitted.label == "not_permitted"


async def test_what_nobody_answers_is_no_time_out() -> None:
    def tell() -> Exchange[Frame, str]:
        try:
            yield replace(ACT, answered=False)
        except NoAnswer:
            return "told"
        return "answered"

    async with peer(SEEN, permit=allow) as line:
        assert await line.driver.run(tell()) == "told"
    assert line.asked == [ACT.data]
    counters = line.driver.counters
    assert (counters.requests, counters.timeouts, counters.answers) == (1, 0, 0)


def test_bytes_of_a_request_are_not_shown() -> None:
    assert ACT.data.hex() not in repr(ACT)
    assert "data" not in repr(ACT)
