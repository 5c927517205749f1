"""Who may write, clear and switch, and for how long a level stays locked."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.dlt645.services.clear import ClearDemand, ClearMeter
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.security import Security
from protocols.dlt645.services.write import Write
from protocols.errors import Refused
from tests.simulators.dlt645.lab import LATER, Lab, access, lab, ordered

RATE_COUNT = Write("04000204", b"\x08")


async def refused(line: Lab, order: object, level: int = 4, password: str = "000000") -> str:
    with pytest.raises(Refused) as refusal:
        await line.order(order, level, password)
    return refusal.value.code


async def test_the_right_password_of_a_level_high_enough() -> None:
    async with lab(passwords={2: "222222", 4: "444444"}) as line:
        await line.order(RATE_COUNT, 4, "444444")
        await line.order(RATE_COUNT, 2, "222222")
        assert await refused(line, RATE_COUNT, 5) == "04", "the right password of a level too low"
        assert await refused(line, ClearMeter(), 4, "444444") == "04"
        await line.order(ClearMeter(), 2, "222222")


async def test_three_wrong_ones_lock_the_level_for_a_day() -> None:
    async with lab(passwords={2: "222222", 4: "444444"}) as line:
        for _ in range(3):
            assert await refused(line, RATE_COUNT, 4, "000000") == "04"
        assert await refused(line, RATE_COUNT, 4, "444444") == "04"
        await line.order(RATE_COUNT, 2, "222222")
        line.wait(hours=23, minutes=59, seconds=59)
        assert await refused(line, RATE_COUNT, 4, "444444") == "04"
        line.wait(seconds=1)
        await line.order(RATE_COUNT, 4, "444444")


async def test_a_right_one_forgives_two_wrong_ones() -> None:
    async with lab(passwords={4: "444444"}) as line:
        for _ in range(3):
            assert await refused(line, RATE_COUNT, 4, "111111") == "04"
            assert await refused(line, RATE_COUNT, 4, "111111") == "04"
            await line.order(RATE_COUNT, 4, "444444")


async def test_a_lock_is_over_for_good_after_a_day() -> None:
    async with lab(passwords={4: "444444"}) as line:
        for _ in range(3):
            await refused(line, RATE_COUNT, 4, "111111")
        line.wait(hours=24)
        assert await refused(line, RATE_COUNT, 4, "111111") == "04"
        await line.order(RATE_COUNT, 4, "444444")


async def test_control_is_locked_too() -> None:
    async with lab() as line:
        trip = Control(Command.TRIP, LATER)
        for _ in range(3):
            assert await refused(line, trip, 4, "999999") == "04"
        assert await refused(line, trip, 4) == "04"
        assert line.meter.era(line.now).connected


async def test_without_the_programming_key_only_control_is_obeyed() -> None:
    async with lab(key_pressed=False) as line:
        for order in (RATE_COUNT, ClearDemand()):
            assert await refused(line, order) == "04"
        with pytest.raises(Refused):
            await line.do(ChangePassword(access(), access(5)))
        await line.control(Command.ALARM)
        line.happen("programming_key", seconds=60)
        assert int(await line.one("04000503")) & 8
        await line.order(RATE_COUNT)
        line.wait(seconds=60)
        assert not int(await line.one("04000503")) & 8
        assert await refused(line, RATE_COUNT) == "04"


async def test_a_password_is_changed() -> None:
    async with lab(passwords={4: "444444"}) as line:
        await line.do(ChangePassword(access(4, "444444"), access(4, "123456")))
        assert await refused(line, RATE_COUNT, 4, "444444") == "04"
        await line.order(RATE_COUNT, 4, "123456")
        with pytest.raises(Refused):
            await line.do(ChangePassword(access(4, "123456"), access(2, "000001")))
        await line.do(ChangePassword(access(2), access(4, "654321")))
        await line.order(RATE_COUNT, 4, "654321")


async def test_a_password_is_never_read() -> None:
    async with lab() as line:
        with pytest.raises(Refused, match="no requested data"):
            await line.one("04000C05")
        await line.order(Write("04000C05", access(4, "111111").wire))
        await line.order(RATE_COUNT, 4, "111111")


SEALED = Ordered(Opaque(0x1C, b"sealed body", "00000001"), access(0x98))


async def test_ciphertext_levels_need_a_verifier() -> None:
    async with lab() as line:
        with pytest.raises(Refused) as refusal:
            await line.do(SEALED)
        assert refusal.value.code == "04"
        with pytest.raises(Refused) as refusal:
            await line.do(Security("070000FF", bytes(24)))
        assert (refusal.value.code, refusal.value.meaning) == ("0008", "security module: authentication failed")
        assert line.meter.era(line.now).connected


class Module:
    """Takes what ends in "body" for a trip, and answers what it is asked."""

    def open(self, address: str, ordered: Ordered[Any]) -> bytes | None:
        return Control(Command.TRIP, LATER).body if ordered.order.body.endswith(b"body") else None

    def security(self, address: str, request: Security) -> bytes | int:
        return address.encode() if request.item == "070000FF" else 0x0001


async def test_a_verifier_opens_and_answers() -> None:
    async with lab(verifier=Module(), key_pressed=False) as line:
        assert await line.do(Security("070000FF", bytes(24))) == b"260000000016"
        with pytest.raises(Refused, match="other error"):
            await line.do(Security("07010101", b""))
        with pytest.raises(Refused):
            await line.do(Ordered(Opaque(0x1C, b"no"), access(0x98)))
        await line.do(SEALED)
        assert not line.meter.era(line.now).connected
        assert (await line.read("1D00FF01"))["operator"] == "00000001"


def test_an_order_s_password_is_not_shown() -> None:
    assert "444444" not in repr(ordered(RATE_COUNT, 4, "444444"))
