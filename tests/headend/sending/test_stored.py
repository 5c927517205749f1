"""Orders of people, in a real database, at simulated meters: sent once, read back, written down, whoever dies."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from headend.commands.asked import Asked, NewEntry
from headend.commands.errors import Impossible
from headend.commands.replay import replay
from headend.commands.where import Where
from headend.frames.spelling import data_of, item_of
from headend.safety.function import Function, ReasonCode
from headend.secrets.changing import Vault
from headend.secrets.keyring import Keyring
from headend.secrets.safe import CONTROL, Entry
from protocols import models
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.signer import PlainPassword
from storage.secrets import SecretTable
from tests.headend.sending.works import now, works

pytestmark = pytest.mark.postgres


async def test_trip_and_close_verified_by_the_relay(plain_database: str) -> None:
    async with works(plain_database) as utility, utility.daemon():
        order = await utility.released()
        assert set((await utility.settled(order.id, "verified")).values()) == {"verified"}
        assert not any(map(utility.closed, utility.meters))
        back = await utility.released(Function.CLOSE)
        await utility.settled(back.id, "verified")
        assert all(map(utility.closed, utility.meters))
        frames = utility.sql("SELECT body FROM audit WHERE action = 'result' AND body LIKE '%%frames%%' LIMIT 1")
        assert "** ** **" in frames[0][0]


async def test_s09_two_daemons_send_a_command_once(plain_database: str) -> None:
    async with works(plain_database, meters=6) as utility:
        async with utility.daemon("one") as first, utility.daemon("two") as second:
            order = await utility.released()
            await utility.settled(order.id, "verified")
        assert first.sent + second.sent == 6
        assert utility.sql("SELECT count(*) FROM command_transition WHERE after = 'sent'") == [(6,)]
        counts = [utility.memory(meter).journal.count("1D00FF") for meter in utility.meters]
        assert max(counts) <= 1


async def test_s09_a_daemon_that_dies_between_claim_and_answer_is_followed_by_a_look(plain_database: str) -> None:
    """Claimed by one that is no more: the next reads the meter and never sends."""
    async with works(plain_database, meters=1) as utility:
        order = await utility.released(expires=None)
        (meter,) = utility.meters
        utility.sql(
            "INSERT INTO command_transition (key, meter, number, version, before, after, claim, why, by, at)"
            " SELECT key, meter, number + 1, version, state, 'sent', 'dead', '', 'daemon dead', now()"
            " FROM command_state WHERE key = %s",
            order.id,
        )
        async with utility.daemon(bury_after=timedelta(0)):
            await utility.settled(order.id, "unknown")
            await asyncio.sleep(0.5)
            assert utility.closed(meter), "it was not sent"
            utility.memory(meter).control(Control(Command.TRIP, "000000000000"), now())  # the dead one's frame
            await utility.settled(order.id, "verified")
        assert utility.sql("SELECT count(*) FROM command_transition WHERE after = 'sent'") == [(1,)]


async def test_s04_put_on_the_list_after_the_release_it_is_not_sent(plain_database: str) -> None:
    async with works(plain_database, meters=2) as utility:
        order = await utility.released()
        held = utility.meters[0]
        await utility.desk.protect(await utility.who("bo"), [NewEntry(category="life support", meter=held.name)])
        async with utility.daemon():
            found = await utility.settled(order.id, "verified", "rejected")
        assert found == {held.name: "rejected", utility.meters[1].name: "verified"}
        assert utility.closed(held)


async def test_s12_a_stop_ends_what_waits(plain_database: str) -> None:
    async with works(plain_database, meters=3) as utility:
        order = await utility.released()
        await utility.desk.stop(await utility.who("bo"), why="something is wrong")
        async with utility.daemon():
            assert set((await utility.settled(order.id, "stopped")).values()) == {"stopped"}
        assert all(map(utility.closed, utility.meters))


async def test_s10_a_stuck_relay_is_contradicted(plain_database: str) -> None:
    async with works(plain_database, meters=1) as utility, utility.daemon(settle_for=timedelta(seconds=1)):
        (meter,) = utility.meters
        utility.memory(meter).relay.stuck = True
        order = await utility.released()
        assert set((await utility.settled(order.id, "contradicted")).values()) == {"contradicted"}


async def test_a_paused_order_waits_and_goes_on(plain_database: str) -> None:
    async with works(plain_database, meters=3) as utility:
        order = await utility.released()
        who = await utility.who("dee")
        await utility.desk.pause(who, order.id, "a complaint")
        other = await utility.released(Function.ALARM)
        async with utility.daemon():
            await utility.settled(other.id, "verified")
            assert set(utility.states(order.id).values()) == {"released"}
            assert all(map(utility.closed, utility.meters))
            await utility.desk.go_on(who, order.id, "settled")
            await utility.settled(order.id, "verified")
        assert not any(map(utility.closed, utility.meters))
        progress = await utility.desk.progress(who, order.id)
        assert (progress.done, progress.states, progress.troubles) == (3, {"verified": 3}, ())
        fates = await utility.desk.fates(who, order.id)
        assert [step.state for step in fates[0].steps] == [
            "draft", "approved", "released", "sent", "acknowledged", "verified",
        ]  # fmt: skip
        assert all(fate.frames and "** ** **" in fate.frames[0] for fate in fates), "passwords are hidden"


async def test_other_services_are_done_and_read_back(plain_database: str) -> None:
    why: dict[str, Any] = {"reason": ReasonCode.MAINTENANCE}
    table = data_of(item_of("04010001", "2007"), ["00:00 1", "08:00 2", *["22:00 1"] * 12]).hex()
    async with works(plain_database, meters=2) as utility, utility.daemon(settle_for=timedelta(seconds=1)):
        for meter in utility.meters:
            utility.memory(meter).press_programming_key(True, now())
        written = await utility.released(
            Function.WRITE_PARAMETER,
            parameters={"item": "04010001", "data": table},
            where=Where(area="north"),
            meters=(),
            **why,
        )
        assert written.meters == 2
        assert "  period_2 = 08:00 2" in written.means
        await utility.settled(written.id, "verified")
        reset = await utility.released(Function.RESET_DEMAND, **why)
        await utility.settled(reset.id, "verified", "unverifiable")
        freeze = await utility.released(Function.FREEZE, **why)
        await utility.settled(freeze.id, "verified")
        again = await utility.released(Function.FREEZE, **why)
        await utility.settled(again.id, "verified")
        for function in (Function.PROTECT, Function.UNPROTECT):
            told = await utility.released(function)
            await utility.settled(told.id, "verified")


async def test_s03_a_load_limit_is_lowered_by_two_and_raised_by_one(plain_database: str, tmp_path: Path) -> None:
    """What is called a raise and would lower it is held back just before the frame; a replay says the same."""
    model = tmp_path / "limited.toml"
    shipped = (resources.files(models) / "dlt645_2007.toml").read_text(encoding="utf-8")
    model.write_text(f"{shipped}\n[dlt645.relay]\nlimit = true\n", encoding="utf-8")
    async with works(plain_database, meters=1, model=str(model)) as utility, utility.daemon():
        (meter,) = utility.meters
        memory = utility.memory(meter)
        memory.press_programming_key(True, now())
        first = await utility.desk.draft(
            await utility.who("ada"),
            Asked(
                function=Function.LIMIT_LOAD, reason=ReasonCode.EMERGENCY, notice="law 5", meters=(meter.name,),
                parameters={"kw": "5.5"},
            ),
        )  # fmt: skip
        assert "approval" in first.needs
        await utility.desk.reject(await utility.who("ada"), first.id, "a trial")
        limit = await utility.released(Function.LIMIT_LOAD, parameters={"kw": "5.5"})
        await utility.settled(limit.id, "verified")
        assert memory.number("active_power_import_limit", "04000E01") == 55000
        lower = await utility.released(Function.RAISE_LIMIT, parameters={"kw": "5"})
        await utility.settled(lower.id, "rejected")
        assert memory.number("active_power_import_limit", "04000E01") == 55000
        higher = await utility.released(Function.RAISE_LIMIT, parameters={"kw": "7.25"})
        await utility.settled(higher.id, "verified")
        again, ((fate),) = await replay(utility.conninfo, lower.id)
        assert [one.differs for one in again] == [""] * len(again)
        assert "shows 5.5000 kW" in fate.steps[-1][2]


async def test_passwords_are_changed_by_order_and_orders_behind_use_the_new_ones(plain_database: str) -> None:
    """With the real safe; and an order that was let go before and waits for its time."""
    async with (
        works(plain_database, meters=3, extra="programming = true") as utility,
        SecretTable(plain_database) as table,
    ):
        vault = Vault(table, Keyring("k", {"k": bytes(32)}))
        for meter in utility.meters[:2]:
            await vault.put(Entry(meter.name, CONTROL, PlainPassword(2, "000000")), "ada")
        with pytest.raises(Impossible, match="no password is known"):
            await utility.released(Function.CHANGE_PASSWORD)
        async with utility.daemon(keys=vault):
            mine = utility.meters[:2]
            waits = await utility.released(Function.TRIP, mine, not_before=now() + timedelta(seconds=6))
            order = await utility.released(Function.CHANGE_PASSWORD, mine)
            await utility.settled(order.id, "verified")
            await utility.settled(waits.id, "verified")
            again = await utility.released(Function.CHANGE_PASSWORD, mine)
            await utility.settled(again.id, "verified")
            back = await utility.released(Function.CLOSE, mine)
            await utility.settled(back.id, "verified")
        for meter in mine:
            found = await vault.password(meter.name)
            assert found is not None
            assert utility.memory(meter).passwords._secrets[2] == found.access.secret
        states = utility.sql("SELECT state, count(*) FROM meter_secret GROUP BY state ORDER BY state")
        assert states == [("current", 2), ("past", 4)]
        bodies = utility.sql("SELECT body FROM audit WHERE action = 'result' AND subject = %s", order.id)
        assert all("** ** **" in body for (body,) in bodies)


@pytest.mark.parametrize("function", [Function.TRIP, Function.CHANGE_PASSWORD])
async def test_without_the_key_nothing_is_sent_and_the_line_goes_on(plain_database: str, function: Function) -> None:
    async with (
        works(plain_database, meters=2, extra="programming = true") as utility,
        SecretTable(plain_database) as table,
    ):
        keyring, (mine, other) = Keyring("k", {"k": bytes(32)}), utility.meters
        await Vault(table, keyring).put(Entry(mine.name, CONTROL, PlainPassword(2, "000000")), "ada")
        order = await utility.released(function, [mine])
        async with utility.daemon(keys=Vault(table, None), settle_for=timedelta(0)):
            freeze = await utility.released(Function.FREEZE, [other])
            await utility.settled(freeze.id, "verified")
            assert set(utility.states(order.id).values()) == {"released"}
        async with utility.daemon(keys=Vault(table, keyring)):
            await utility.settled(order.id, "verified")
