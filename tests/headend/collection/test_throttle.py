"""So many turns at once through one gateway or broker, and a line's rest between two turns."""

from __future__ import annotations

import asyncio

import pytest

from headend.collection.line import LinePath
from headend.collection.throttle import Throttles, ThrottleTable, through
from headend.config import parse
from headend.errors import UsageFault
from tests.headend.conftest import configuration
from tests.headend.virtual_time import virtually


class Turns:
    """Takes turns of a second on many lines; `most` of them at once."""

    def __init__(self, table: ThrottleTable, urls: list[str]) -> None:
        throttles = Throttles(table)
        self.lines = [throttles.of(LinePath(str(number), url, "dlt645")) for number, url in enumerate(urls)]
        self.now = self.most = 0
        self.began: list[float] = []

    async def take(self, line: int) -> None:
        async with self.lines[line]():
            self.began.append(asyncio.get_running_loop().time())
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(1)
            self.now -= 1

    async def all(self) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(self.take(number) for number in range(len(self.lines))))
        return loop.time() - began


@virtually
async def test_lines_behind_one_gateway_share_its_bound() -> None:
    near = [f"tcp://gw:{4001 + number // 4}" for number in range(8)]
    turns = Turns(ThrottleTable(gateway=2), near)
    assert (await turns.all(), turns.most) == (2.0, 4)


@virtually
async def test_a_broker_has_its_own_bound_and_serial_lines_have_none() -> None:
    urls = [
        "mqtt://b/up/1?down=d",
        "mqtt://b:1883/up/2?down=d",
        "mqtts://b/up?down=d",
        "serial:///dev/a",
        "serial:///dev/b",
    ]
    turns = Turns(ThrottleTable(gateway=1, broker=1), urls)
    assert (await turns.all(), turns.most) == (2.0, 4)


@virtually
async def test_a_turn_that_fails_frees_its_place() -> None:
    throttles = Throttles(ThrottleTable(gateway=1))
    held = throttles.of(LinePath("l", "tcp://gw:1", "dlt645"))
    with pytest.raises(ZeroDivisionError):
        async with held():
            raise ZeroDivisionError
    async with asyncio.timeout(1), held():
        pass


@virtually
async def test_a_line_rests_between_two_turns() -> None:
    turns = Turns(ThrottleTable(pause="3s"), ["tcp://gw:1", "tcp://gw:1"])
    await turns.take(0)
    await turns.take(1)
    await turns.take(0)
    assert [round(moment - turns.began[0], 3) for moment in turns.began] == [0, 1, 4]


def test_through_what_a_line_goes() -> None:
    assert through("faulty+tcp://gw:7?faults=1") == ("gateway", "gw:7")
    assert through("tcp-listen://0.0.0.0:9000?register=1") == ("gateway", "0.0.0.0:9000")
    assert through("mqtts://u:p@b/x?down=y") == ("broker", "b:8883")
    assert through("serial:///dev/ttyUSB0") == ("", "")


@pytest.mark.parametrize(
    ("table", "told"),
    [("gateway = -1", "throttle.gateway: -1, expected"), ('pause = "soon"', "throttle.pause"), ("lines = 3", "lines")],
)
def test_what_cannot_be_is_refused(table: str, told: str) -> None:
    with pytest.raises(UsageFault, match=told):
        parse(configuration("dbname=x", more=f"[throttle]\n{table}"), "test.toml")


def test_as_configured() -> None:
    config = parse(configuration("dbname=x", more='[throttle]\ngateway = 4\nbroker = 9\npause = "1s"'), "test.toml")
    assert config.throttle == ThrottleTable(4, 9, "1s")
