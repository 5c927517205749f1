"""The ledger as recovery asks it: newest first, what is whole is not looked through again, what is wanted is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from headend.collection.gaps import LedgerGaps, Reach
from headend.work.plan import Kind, Plan
from headend.work.schedule import Every
from protocols.quantities import BY_NAME
from storage.ledger import Ledger
from storage.writer import Miss, Writer
from tests.storage.captures import capture
from tests.storage.test_ledger import CURVE
from tests.storage.test_reader import meters

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
ENERGY = (BY_NAME["active_energy_import"],)
REGISTERS = Plan("curve", Every(900), ENERGY, horizon=20 * DAY)


def test_how_long_a_slot_may_be_under_way() -> None:
    records = Plan("records", Every(900), ENERGY, Kind.RECORDS, collect=Every(4 * 3600), delay=10 * QUARTER)
    reach = Reach.of([REGISTERS, records])
    assert reach == Reach(4 * HOUR + 4 * HOUR + 10 * QUARTER + QUARTER, 11 * QUARTER, 30 * DAY)
    assert Reach.of([REGISTERS]) == Reach(2 * QUARTER, QUARTER, 20 * DAY)


async def test_what_nobody_tried_is_a_gap_once_it_is_nobodys(plain_database: str) -> None:
    (meter,) = await meters(plain_database, 1, CURVE)
    async with Ledger(plain_database) as ledger:
        reach = Reach(6 * HOUR, QUARTER, 20 * DAY)
        since_long = await LedgerGaps(ledger, reach).recoverable([meter], NOW, NOW - DAY)
        since_now = await LedgerGaps(ledger, reach).recoverable([meter], NOW, NOW)
    assert max(gap.time for gap in since_long) == NOW - 6 * HOUR - QUARTER, "it may still be under way with us"
    assert max(gap.time for gap in since_now) == NOW - 2 * QUARTER, "before we began it is nobody's"
    assert all(gap.untried and gap.quantities == ENERGY for gap in since_now)


async def test_older_days_are_looked_through_when_the_newer_are_whole(plain_database: str) -> None:
    (meter,) = await meters(plain_database, 1, CURVE, created=NOW - 50 * DAY)
    old, far = NOW - 3 * DAY, NOW - 40 * DAY
    async with Writer(plain_database) as writer, Ledger(plain_database) as ledger:
        slots = [NOW - n * QUARTER for n in range(21 * 96)]
        await writer.write([capture(meter, slot) for slot in slots if slot != old])
        gaps = LedgerGaps(ledger, Reach(QUARTER, QUARTER, 20 * DAY))

        async def times() -> list[datetime]:
            return [gap.time for gap in await gaps.recoverable([meter], NOW, NOW)]

        assert await times() == [old]
        await writer.write_misses([Miss(meter, 1, old, "not_kept", NOW, final=True)])
        assert await times() == []
        await writer.write_misses([Miss(meter, 1, far, "no_answer", NOW - DAY)])
        assert await ledger.reopen(old, old + QUARTER) == 1
        assert await times() == [], "older days were found whole a moment ago"
        gaps.want(old, old + QUARTER, NOW)
        assert await times() == [old]
        await writer.write([capture(meter, old)])
        gaps.want(far, far + QUARTER, NOW)
        assert await times() == [far], "wanted beyond the horizon"
        assert await gaps.recoverable([], NOW, NOW) == []
