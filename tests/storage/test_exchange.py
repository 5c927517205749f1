"""A meter takes another's place: in one transaction, and no energy is lost or invented."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.errors import RegisterMissing
from analytics.registers import consumption
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewMeter
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.exchange import ExchangeDone, NewExchange, Removal
from storage.registry import Registry
from storage.topology import Topology
from storage.topology_entries import Edge, MeterState, MultiplierChange, RegisterMark, RegisterSource
from storage.writer import Writer
from tests.storage.captures import T0, capture
from tests.storage.test_topology import DAY, NETWORK, meter

ENERGY, EXPORT = BY_NAME["active_energy_import"], BY_NAME["active_energy_export"]
AT = T0 + 2 * DAY + timedelta(minutes=7)
OLD = Removal(
    meter="m1", at=AT, final={ENERGY: Decimal("2000.5")}, source=RegisterSource.MANUAL, actor="li", reason="old"
)
NEW = NewMeter(name="m9", address="m1", model="y", line="line", multiplier=Decimal(2))
EXCHANGE = NewExchange(old=OLD, new=NEW, initial={ENERGY: Decimal("0.03")})


async def test_an_exchange_is_one_step(database: str) -> None:
    async with Registry(database) as registry, Topology(database) as topology, Writer(database) as writer:
        await registry.add(NETWORK)
        old_id = (await registry.meter("m1")).id
        await writer.write([
            capture(old_id, T0, values=(10_000_000,)),
            capture(old_id, AT - timedelta(minutes=7), values=(20_004_999,)),
            capture(old_id, AT + timedelta(minutes=8), values=(5,)),  # the new one answers at the same address
        ])  # fmt: skip
        assert await topology.exchange(EXCHANGE) == ExchangeDone("m1", "m9", AT, "p1", None, 1)
        old, new = await registry.meter("m1"), await registry.meter("m9")
        assert (old.state, new.state, new.address, new.created) == (
            MeterState.REMOVED,
            MeterState.ACTIVE,
            old.address,
            AT,
        )
        assert [(i.meter, i.start, i.end) for i in await registry.installations(["p1"])] == [
            ("m1", T0, AT),
            ("m9", AT, None),
        ]
        assert [(r.meter, r.edge, r.value, r.source, r.actor) for r in await topology.registers()] == [
            ("m1", Edge.FINAL, Decimal("2000.5"), RegisterSource.MANUAL, "li"),
            ("m9", Edge.INITIAL, Decimal("0.03"), RegisterSource.READ, "li"),
        ]
        assert [(x.old, x.new, x.at, x.reason) for x in await topology.exchanges(["m9"])] == [("m1", "m9", AT, "old")]
        end = AT + timedelta(minutes=23)
        await writer.write([capture(new.id, end, values=(10_300,))])
        segments = await topology.segments("p1", ENERGY, T0, end)
        assert [(s.meter, s.start, s.end, s.multiplier, s.initial, s.final) for s in segments] == [
            ("m1", T0, AT, Decimal(1), Decimal(1000), Decimal("2000.5")),
            ("m9", AT, end, Decimal(2), Decimal("0.03"), Decimal("1.03")),
        ]
        assert consumption(segments, T0, end).energy == Decimal("1000.5") + 2
        later = await topology.segments("p1", ENERGY, T0, end + DAY)
        with pytest.raises(RegisterMissing, match="m9"):
            consumption(later, T0, end + DAY)
        assert await topology.segments("p1", ENERGY, T0 - 2 * DAY, T0) == []


async def test_a_total_meter_is_exchanged_with_what_it_measures(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        await registry.add(NETWORK)
        await registry.add(Additions(meters=(meter("spare", state=MeterState.PLANNED),)))
        done = await topology.exchange(replace(EXCHANGE, old=replace(OLD, meter="t1"), new="spare"))
        assert (done.point, done.measures) == (None, "a1")
        assert [(t.meter, t.start, t.end) for t in await topology.totals() if t.area == "a1"] == [
            ("spare", AT, None),
            ("t1", T0, AT),
        ]
        states = [(s.state, s.start, s.reason) for s in await topology.states(["spare"])]
        assert states[-1] == (MeterState.ACTIVE, AT, "in place of t1")


WRONG = {
    "less than 2000.4999 known since": (replace(EXCHANGE, old=replace(OLD, final={ENERGY: Decimal(1999)})), Rejected),
    "forced needs a reason": (replace(EXCHANGE, old=replace(OLD, force=True, reason="")), Rejected),
    "states the final and the initial": (replace(EXCHANGE, initial={EXPORT: Decimal(0)}), Rejected),
    "at least one register": (replace(EXCHANGE, old=replace(OLD, final={}), initial={}), Rejected),
    "no meter named 'm7'": (replace(EXCHANGE, old=replace(OLD, meter="m7")), NotFound),
    "no meter named 'm8'": (replace(EXCHANGE, new="m8"), NotFound),
    "no line named 'moon'": (replace(EXCHANGE, new=replace(NEW, line="moon")), NotFound),
    "is there already": (replace(EXCHANGE, new=replace(NEW, name="m2")), AlreadyThere),
    "active does not become active": (replace(EXCHANGE, new="m2"), Rejected),
    "nothing to take over": (replace(EXCHANGE, old=replace(OLD, meter="loose")), Rejected),
    "meter_installation": (replace(EXCHANGE, old=replace(OLD, at=T0 - DAY)), Rejected),
}


@pytest.mark.parametrize("said", WRONG)
async def test_what_is_refused_changes_nothing(plain_database: str, said: str) -> None:
    given, error = WRONG[said]
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        await registry.add(replace(NETWORK, meters=(*NETWORK.meters, meter("loose"))))
        old_id = (await registry.meter("m1")).id
        async with Writer(plain_database) as writer:
            await writer.write([capture(old_id, AT - timedelta(minutes=7), values=(20_004_999,))])
        before = await everything(plain_database)
        with pytest.raises(error, match=said):
            await topology.exchange(given)
        assert await everything(plain_database) == before


async def everything(conninfo: str) -> list[object]:
    async with Registry(conninfo) as registry, Topology(conninfo) as topology:
        return [
            await registry.meters(), await registry.installations(), await topology.states(), await topology.totals(),
            await topology.registers(), await topology.exchanges(),
        ]  # fmt: skip


async def test_a_lower_register_may_be_forced_and_a_reset_begins_anew(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        await registry.add(NETWORK)
        async with Writer(plain_database) as writer:
            m1, m2 = (meter.id for meter in await registry.meters(["m1", "m2"]))
            await writer.write([capture(m1, T0, values=(30_000_000,)), capture(m2, T0, values=(30_000_000,))])
        await topology.exchange(replace(EXCHANGE, old=replace(OLD, force=True, reason="display was wrong")))
        reset = RegisterMark(
            meter="m2", time=T0 + DAY, quantity=ENERGY, edge=Edge.INITIAL, value=Decimal(5), source=RegisterSource.READ
        )
        final = replace(reset, edge=Edge.FINAL, value=Decimal("3000.5"))
        await registry.add(Additions(registers=(reset, final)))
        assert await topology.remove(replace(OLD, meter="m2", final={ENERGY: Decimal(7)})) == 0
        assert consumption(await topology.segments("p2", ENERGY, T0, AT), T0, AT).energy == Decimal("0.5") + 2


async def test_two_exchanges_of_one_meter_at_once_are_one(plain_database: str) -> None:
    async with Registry(plain_database) as registry:
        await registry.add(NETWORK)

    async def try_it(n: int) -> bool:
        new = replace(NEW, name=f"new{n}", address=f"n{n}")
        async with Topology(plain_database) as topology:
            try:
                await topology.exchange(replace(EXCHANGE, new=new))
            except Rejected:
                return False
            return True

    assert sum(await asyncio.gather(*(try_it(n) for n in range(6)))) == 1
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        assert len(await registry.installations(["p1"])) == 2
        assert len(await topology.exchanges()) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_random_exchanges_and_multipliers_add_up(plain_database: str, seed: int) -> None:
    """A point's true consumption is known; its meters come and go, their transformers change, some across an
    hour that comes twice. Whatever the span, the segments give the truth to the last digit.
    """
    chance, zone = random.Random(seed), ZoneInfo("Europe/Berlin")
    at = datetime(2026, 10, 24, 20, tzinfo=UTC)
    current, register, ratio, count = "m1", Decimal(chance.randrange(10**8)).scaleb(-4), Decimal(1), 0
    truth, known = Decimal(0), []
    start = at
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        began = replace(NETWORK.meters[0], created=at)
        stay = replace(NETWORK.installations[0], start=at)
        await registry.add(replace(NETWORK, meters=(began, *NETWORK.meters[1:]), installations=(stay,)))
        async with Writer(plain_database) as writer:

            async def read() -> None:
                meter_id = (await registry.meter(current)).id
                await writer.write([capture(meter_id, at, values=(ENERGY.steps(register),))])
                known.append((at, truth))

            await read()
            for _ in range(25):
                at += timedelta(minutes=chance.randrange(1, 90))
                used = Decimal(chance.randrange(10**6)).scaleb(-4)
                register, truth = register + used, truth + used * ratio
                match chance.choice(["exchange", "multiplier", "reading", "reading"]):
                    case "exchange":
                        count += 1
                        begins, old = Decimal(chance.randrange(10**5)).scaleb(-4), current
                        ratio, current = Decimal(chance.randrange(1, 500)) / 4, f"x{count}"
                        new = replace(NEW, name=current, address=current, multiplier=ratio)
                        removal = replace(OLD, meter=old, at=at.astimezone(zone), final={ENERGY: register})
                        await topology.exchange(NewExchange(old=removal, new=new, initial={ENERGY: begins}))
                        register = begins
                        known.append((at, truth))
                    case "multiplier":
                        ratio = Decimal(chance.randrange(1, 500)) / 4
                        change = MultiplierChange(meter=current, start=at.astimezone(zone), multiplier=ratio)
                        await registry.add(Additions(multipliers=(change,)))
                        await read()
                    case _:
                        await read()
        assert count
        for _ in range(30):
            (first, before), (last, after) = sorted(chance.sample(known, 2))
            if first < last:
                segments = await topology.segments("p1", ENERGY, first, last)
                found = consumption(segments, first, last)
                assert (found.energy, found.unmeasured) == (after - before, ())
        assert consumption(await topology.segments("p1", ENERGY, start, at), start, at).energy == truth
