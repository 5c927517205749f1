"""Modbus meters are switched and written through the sender, over TCP and over a serial line: one write at most."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from headend.collection.survey import MeterPath
from headend.commands.errors import Impossible
from headend.safety.function import Function, ReasonCode
from simulators.modbus import ModbusStation
from tests.headend.sending.works import Works, works

pytestmark = pytest.mark.postgres

MODEL: Final = """
[model]
name = "switch"
title = "A meter with a relay, a setting and a limit"
maker = "nobody"
protocol = "modbus"
source = "constructed"

[modbus]
function = 4
type = "float32"

[[register]]
quantity = "active_power"
address = 52
scale = "0.001"

[[write]]
name = "relay"
class = "relay"
function = 6
address = 100
type = "u16"
values = { trip = "1", close = "0" }

[[write]]
name = "backlight"
class = "parameter"
function = 16
address = 110
type = "u32"

[[write]]
name = "limit"
class = "limit"
function = 6
address = 120
type = "u16"
scale = "0.1"
"""
CARRIERS: Final = {"tcp": ("tcp://127.0.0.1:0", 'framing = "tcp"'), "rtu over a pty": ("pty", 'framing = "rtu"')}
WHY: Final[dict[str, Any]] = {"reason": ReasonCode.MAINTENANCE}
SETTING: Final[dict[str, Any]] = {"parameters": {"point": "backlight", "value": "90000"}, **WHY}
SOON: Final[dict[str, Any]] = {"settle_for": timedelta(seconds=1)}


@asynccontextmanager
async def switches(conninfo: str, folder: Path, over: str = "tcp", **more: Any) -> AsyncIterator[Works]:
    path = folder / "switch.toml"
    path.write_text(MODEL, encoding="utf-8")
    carrier, framing = CARRIERS[over]
    given: dict[str, Any] = {"meters": 1, "extra": framing, "protocol": "modbus", "model": str(path)} | more
    async with works(conninfo, carrier=carrier, **given) as utility:
        yield utility


def station(utility: Works, meter: MeterPath | None = None) -> ModbusStation:
    return utility.fleet.unit((meter or utility.meters[0]).name)


def written(utility: Works) -> list[str]:
    """PDUs of the frames that write: behind the TCP header, or the RTU unit and without the check sum."""
    is_tcp = utility.lines[0][0].is_numbered
    pdus = [frame[14:] if is_tcp else frame[2:-4] for frame in utility.sent]
    return [pdu for pdu in pdus if pdu[:2] in ("05", "06", "0F", "10")]


@pytest.mark.parametrize("over", CARRIERS)
async def test_a_meter_is_switched_written_and_read_back(plain_database: str, tmp_path: Path, over: str) -> None:
    async with switches(plain_database, tmp_path, over, meters=2) as utility, utility.daemon():
        cut = await utility.released(meters=utility.meters[:1])
        await utility.settled(cut.id, "verified")
        first, other = (station(utility, meter) for meter in utility.meters)
        assert (first.settings[100], other.settings[100]) == (1, 0)
        assert not first.meter.era(utility.fleet.clock()).connected
        back = await utility.released(Function.CLOSE, utility.meters[:1])
        await utility.settled(back.id, "verified")
        setting = await utility.released(Function.WRITE_PARAMETER, utility.meters[:1], **SETTING)
        await utility.settled(setting.id, "verified")
        assert (first.settings[110] << 16 | first.settings[111]) == 90000
        assert written(utility) == ["0600640001", "0600640000", "10006E000204" + f"{90000:08X}"]
        frames = utility.sql("SELECT body FROM audit WHERE action = 'result' AND body LIKE '%%frames%%'")
        assert len(frames) == 3


async def test_a_limit_is_lowered_and_raised_by_what_the_meter_shows(plain_database: str, tmp_path: Path) -> None:
    why: dict[str, Any] = {"reason": ReasonCode.EMERGENCY}
    async with switches(plain_database, tmp_path) as utility, utility.daemon():
        one = station(utility)
        one.settings[120] = 80
        lowered = await utility.released(Function.LIMIT_LOAD, parameters={"kw": "5.5"}, **why)
        assert lowered.means == ("at most 5.5 kW, above which the meter cuts",)
        await utility.settled(lowered.id, "verified")
        wrong = await utility.released(Function.RAISE_LIMIT, parameters={"kw": "5.4"}, **why)
        await utility.settled(wrong.id, "rejected")
        raised = await utility.released(Function.RAISE_LIMIT, parameters={"kw": "8"}, **why)
        await utility.settled(raised.id, "verified")
        assert written(utility) == ["0600780037", "0600780050"]
        with pytest.raises(Impossible, match="cannot hold exactly"):
            await utility.released(Function.LIMIT_LOAD, parameters={"kw": "5.55"}, **why)
        with pytest.raises(Impossible, match="above 0 kW"):
            await utility.released(Function.LIMIT_LOAD, parameters={"kw": "0"}, **why)
        with pytest.raises(Impossible, match="is not done by writing to limit"):
            await utility.released(
                Function.WRITE_PARAMETER, parameters={"point": "limit", "value": "1"}, reason=ReasonCode.MAINTENANCE
            )


@pytest.mark.parametrize("over", CARRIERS)
async def test_a_stuck_relay_is_contradicted(plain_database: str, tmp_path: Path, over: str) -> None:
    async with switches(plain_database, tmp_path, over) as utility, utility.daemon(**SOON):
        station(utility).at_writes = "stuck"
        order = await utility.released()
        await utility.settled(order.id, "contradicted")
        assert written(utility) == ["0600640001"]


@pytest.mark.parametrize("over", CARRIERS)
async def test_no_answer_is_read_back_before_anything_else(plain_database: str, tmp_path: Path, over: str) -> None:
    """What the meter did though it did not say so is found by reading, and nothing is sent again."""
    async with switches(plain_database, tmp_path, over) as utility, utility.daemon(**SOON):
        station(utility).at_writes = "silent"
        order = await utility.released()
        await utility.settled(order.id, "verified")
        assert written(utility) == ["0600640001"]
        states = [state for (state,) in utility.sql("SELECT after FROM command_transition ORDER BY number")]
        assert states[-3:] == ["sent", "unknown", "verified"]


async def test_what_was_not_heard_stays_unknown_until_it_can_no_longer_arrive(
    plain_database: str, tmp_path: Path
) -> None:
    async with switches(plain_database, tmp_path) as utility, utility.daemon(**SOON):
        station(utility).at_writes = "deaf"
        order = await utility.released(expires=utility.fleet.clock() + timedelta(seconds=6))
        await utility.settled(order.id, "unknown")
        await utility.settled(order.id, "failed")
        assert written(utility) == ["0600640001"]
        assert station(utility).settings[100] == 0


async def test_an_exception_is_a_failure_with_its_words(plain_database: str, tmp_path: Path) -> None:
    async with switches(plain_database, tmp_path) as utility, utility.daemon():
        station(utility).at_writes = "busy"
        order = await utility.released()
        await utility.settled(order.id, "failed")
        ((why,),) = utility.sql("SELECT why FROM command_transition WHERE after = 'failed'")
        assert "busy" in why
        assert written(utility) == ["0600640001"]


async def test_what_the_model_does_not_declare_is_not_drafted(plain_database: str, tmp_path: Path) -> None:
    async with switches(plain_database, tmp_path) as utility:
        for function in (Function.FREEZE, Function.RESET_DEMAND, Function.ALARM):
            with pytest.raises(Impossible, match="declares no register"):
                await utility.released(function, **WHY)
