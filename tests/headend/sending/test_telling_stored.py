"""Orders that tell meters the time, in a real database, by a daemon: where it is noon, so that midnight is far."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from headend.collection.survey import MeterPath
from headend.commands.asked import Asked
from headend.commands.errors import Denied, Impossible
from headend.commands.replay import replay
from headend.safety.function import Function, ReasonCode
from protocols import models
from storage.audit import Audit
from tests.headend.sending.works import Works, now, works

pytestmark = pytest.mark.postgres
SECOND: Final = timedelta(seconds=1)


@pytest.fixture
def noon() -> ZoneInfo:
    east = 12 - now().hour
    return ZoneInfo(f"Etc/GMT{-east:+d}" if east else "Etc/GMT")


@pytest.fixture
def plain(tmp_path: Path) -> str:
    """A model that keeps no load records or freezes, near which no clock would be moved."""
    text = (resources.files(models) / "dlt645_2007.toml").read_text(encoding="utf-8")
    before, _, rest = text.partition("[dlt645.keeps]\n")
    file = tmp_path / "plain.toml"
    file.write_text(before + rest[rest.index("[[golden]]") :], encoding="utf-8")
    return str(file)


def off(utility: Works, meter: MeterPath, seconds: float) -> None:
    own = now().astimezone(meter.zone).replace(tzinfo=None) + timedelta(seconds=seconds)
    utility.memory(meter).dial.set(now(), own)


def is_off(utility: Works, meter: MeterPath) -> float:
    own = utility.memory(meter).dial.stretches[-1].own(now())
    return float((own - now().astimezone(meter.zone).replace(tzinfo=None)).total_seconds())


async def told(utility: Works, *meters: MeterPath, **more: Any) -> str:
    order = await utility.released(Function.SET_TIME, meters, reason=ReasonCode.MAINTENANCE, **more)
    return order.id


def told_frames(utility: Works) -> int:
    return sum(frame.lstrip("FE")[16:18] == "08" for frame in utility.sent)


async def test_s15_told_by_a_daemon_read_back_and_in_the_audit(plain_database: str, noon: ZoneInfo, plain: str) -> None:
    """Of three meters two are off, one of which takes no time; the third is right."""
    async with works(plain_database, meters=3, model=plain, zone=noon) as utility:
        late, deaf, right = utility.meters
        for meter, seconds in ((late, 20.0), (deaf, -30.0), (right, 0.0)):
            off(utility, meter, seconds)
        utility.memory(deaf).dial.hear = lambda *_: False
        async with utility.daemon(settle_for=SECOND):
            order = await told(utility, late, deaf, right)
            found = await utility.settled(order, "verified", "contradicted", "rejected")
            assert found == {late.name: "verified", deaf.name: "contradicted", right.name: "rejected"}
            assert abs(is_off(utility, late)) < 2
            assert told_frames(utility) == 2
            again = await told(utility, deaf)
            await utility.settled(again, "rejected")
            assert told_frames(utility) == 2
        rows = utility.sql("SELECT body FROM audit WHERE action = 'result' AND body LIKE '%%\"frames\"%%'")
        assert len(rows) == 2
        who = utility.sql("SELECT DISTINCT way, actor FROM clock_sync")
        assert who == [("single", f"ada (order {order})")]
        whys = []
        for key in (order, again):
            taken, fates = await replay(utility.conninfo, key)
            assert [one.differs for one in taken] == [""] * len(taken)
            whys += [fate.steps[-1][2] for fate in fates]
        assert [sum(said in why for why in whys) for said in ("off: by", "once a day")] == [1, 1]
        async with Audit(utility.conninfo) as audit:
            assert not (await audit.verify()).flaws


async def test_s12_a_stop_ends_it_and_nothing_is_on_the_wire(plain_database: str, noon: ZoneInfo, plain: str) -> None:
    async with works(plain_database, meters=1, model=plain, zone=noon) as utility:
        (meter,) = utility.meters
        off(utility, meter, 20.0)
        order = await told(utility, meter)
        await utility.desk.stop(await utility.who("bo"), "north", "something is wrong")
        async with utility.daemon():
            await utility.settled(order, "stopped")
        assert (told_frames(utility), utility.sql("SELECT * FROM clock_sync")) == (0, [])
        assert is_off(utility, meter) > 19


async def test_s09_after_a_daemon_that_died_at_it_the_clock_is_read_and_nothing_sent(
    plain_database: str, noon: ZoneInfo, plain: str
) -> None:
    """It was claimed and its day taken; whether the frame went out nobody knows."""
    async with works(plain_database, meters=1, model=plain, zone=noon) as utility:
        (meter,) = utility.meters
        off(utility, meter, 20.0)
        order = await told(utility, meter)
        utility.sql(
            "INSERT INTO command_transition (key, meter, number, version, before, after, claim, why, by, at)"
            " SELECT key, meter, number + 1, version, state, 'sent', 'dead', '', 'daemon dead', now()"
            " FROM command_state WHERE key = %s",
            order,
        )
        utility.sql(
            "INSERT INTO audit (by, action, subject, meter, body) VALUES ('daemon dead', 'send', %s, %s, %s)",
            order, meter.name, '{"state": "sent", "seen": {"off_ms": 20000, "unsure_ms": 800, "leave_ms": 0}}',
        )  # fmt: skip
        off(utility, meter, 0.0)
        async with utility.daemon(bury_after=timedelta(0), settle_for=SECOND):
            await utility.settled(order, "verified")
        assert told_frames(utility) == 0


async def test_what_is_known_beforehand_refuses_the_order(plain_database: str, noon: ZoneInfo, plain: str) -> None:
    async with works(plain_database, meters=2, model=plain, zone=noon) as utility:
        first, second = utility.meters

        def seen(meter: MeterPath, off_ms: int) -> None:
            utility.sql(
                "INSERT INTO clock_survey (meter_id, at, offset_ms, uncertainty_ms) VALUES (%s, %s, %s, 500)",
                meter.id, now(), off_ms,
            )  # fmt: skip

        async def why(**more: Any) -> str:
            with pytest.raises(Denied) as denied:
                await told(utility, first, second, **more)
            return str(denied.value)

        seen(first, 300)
        assert f"S17 telling: {first.name}: off: by 0.3 s" in await why()
        seen(first, 400_000)
        assert "within 5 minutes" in await why()
        later = now() + timedelta(hours=2)
        draft = Asked(
            function=Function.SET_TIME, reason=ReasonCode.MAINTENANCE, notice="x", meters=(first.name,),
            not_before=later, expires=later + timedelta(hours=1),
        )  # fmt: skip
        await utility.desk.draft(await utility.who("ada"), draft)
        seen(first, 20_000)
        utility.sql(
            "INSERT INTO clock_sync (meter_id, at, day, way, line, actor, result)"
            " VALUES (%s, %s, %s, 'single', 'line0', 'x', 'sent')",
            second.id, now(), now().astimezone(noon).date(),
        )  # fmt: skip
        assert f"{second.name}: once a day: it was told on" in await why(expires=now() + timedelta(hours=1))
        tomorrow = await told(utility, second, expires=now() + timedelta(days=1))
        assert set(utility.states(tomorrow).values()) == {"released"}, "it may be told then"
        with pytest.raises(Impossible, match="such parameters"):
            await told(utility, first, parameters={"operator": "00000007"})


async def test_modbus_meters_state_no_clock(plain_database: str) -> None:
    async with works(plain_database, meters=1, protocol="modbus", model="eastron_sdm630") as utility:
        with pytest.raises(Impossible, match="declares no clock"):
            await told(utility, *utility.meters)
