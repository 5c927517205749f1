"""S14: meters' passwords are sealed where they are kept, and shown nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.collection.survey import MeterPath
from headend.config import parse
from headend.errors import UsageFault
from headend.safety.command import CommandKey
from headend.safety.passwords import InForce, Outcome, Try
from headend.secrets.changing import Vault
from headend.secrets.envelope import NotOpened, Sealed, rewrap, seal, unseal
from headend.secrets.held import Held
from headend.secrets.keyring import Keyring, load, new_line
from headend.secrets.keyring import parse as parse_keys
from headend.secrets.safe import COLUMNS, Entry, Safe, read_csv
from protocols import models
from protocols.dlt645.services.signer import PlainPassword
from protocols.errors import NotPermitted
from storage.entries import Additions, NewLine, NewMeter
from storage.errors import AlreadyThere
from storage.registry import Registry
from storage.secrets import SecretTable
from tests.headend.command import Headend

OLD = Keyring("old", {"old": bytes(range(32))})
BOTH = Keyring("new", {"new": bytes(32), **OLD.keys})
NEW = Keyring("new", {"new": bytes(32)})
PASSWORD = PlainPassword(2, "A1B2C3")


@given(st.binary(max_size=100), st.text(min_size=1), st.text(min_size=1))
def test_s14_what_is_sealed_is_opened_for_the_same_use_alone(secret: bytes, meter: str, kind: str) -> None:
    sealed = seal(OLD, meter, kind, secret)
    assert unseal(OLD, meter, kind, sealed) == secret
    assert sealed != seal(OLD, meter, kind, secret), "never twice the same"
    for other in ((meter + "x", kind), (meter, kind + "x"), (meter + kind[0], kind[1:])):
        with pytest.raises(NotOpened):
            unseal(OLD, *other, sealed)


def test_s14_what_is_changed_is_not_opened() -> None:
    sealed = seal(OLD, "m1", "control", b"secret")
    for position in range(len(sealed.data)):
        raw = bytearray(sealed.data)
        raw[position] ^= 1
        with pytest.raises(NotOpened) as told:
            unseal(OLD, "m1", "control", replace(sealed, data=bytes(raw)))
        assert "secret" not in str(told.value).replace("its secret", "")
    with pytest.raises(NotOpened):
        unseal(OLD, "m1", "control", Sealed("old", b"", b""))
    with pytest.raises(NotOpened, match="'old', which is not there"):
        unseal(NEW, "m1", "control", sealed)


def test_s14_a_rotated_key_opens_what_was_wrapped_anew() -> None:
    sealed = seal(OLD, "m1", "control", b"secret")
    fresh = rewrap(BOTH, "m1", "control", sealed)
    assert (fresh.key_id, fresh.data) == ("new", sealed.data)
    assert unseal(NEW, "m1", "control", fresh) == b"secret"


async def test_s14_the_database_holds_no_password(plain_database: str) -> None:
    async with SecretTable(plain_database) as table:
        safe = Safe(table, OLD)
        await safe.put(Entry("m1", "control", PASSWORD), "ada")
        assert await safe.password("m1") == PASSWORD
        assert await safe.password("m2") is None
        await safe.put(Entry("m1", "control", PlainPassword(2, "000001")), "ada")
        assert await safe.password("m1") == PlainPassword(2, "000001")
        assert not await safe.confirm("m1"), "nothing is next"
        assert await Safe(table, BOTH).rewrap() == 2
        assert await Safe(table, BOTH).rewrap() == 0
        assert await Safe(table, NEW).password("m1") == PlainPassword(2, "000001")
        with pytest.raises(UsageFault, match=r"secrets\.key_file"):
            await Safe(table, None).password("m1")
        with pytest.raises(NotOpened):
            await safe.password("m1")
        await Safe(table, NEW).put(Entry("m2", "control", PASSWORD), "ada")
    with psycopg.connect(plain_database) as connection:
        rows = connection.execute("SELECT meter_secret::text FROM meter_secret").fetchall()
        assert "A1B2C3" not in str(rows)
        assert b"A1B2C3".hex() not in str(rows)
        connection.execute("UPDATE meter_secret SET meter = 'm3' WHERE meter = 'm2'")
    async with SecretTable(plain_database) as table:
        with pytest.raises(NotOpened):
            await Safe(table, NEW).password("m3")


async def test_s14_both_passwords_are_kept_while_one_is_changed(plain_database: str) -> None:
    key, meter = CommandKey("o1", "m1"), MeterPath(1, "m1", "1", models.load("dlt645_2007"), ZoneInfo("UTC"))
    old = PASSWORD.access
    async with SecretTable(plain_database) as table:
        vault = Vault(table, OLD)
        assert await vault.access(meter) is None
        await vault.put(Entry("m1", "control", PASSWORD), "ada")
        with pytest.raises(NotPermitted, match="not being sent"):
            await vault.make(key, old)
        assert await vault.held("m1") == [Held("current", old)], "nothing is sealed for what nobody sends"
        with psycopg.connect(plain_database, autocommit=True) as connection:
            connection.execute("INSERT INTO command_open VALUES ('o1', 'm1', 3, 1, 'sent', now())")
        new = await vault.make(key, old)
        assert await vault.held("m1") == [Held("next", new), Held("current", old)]
        assert await vault.made(key) == Held("next", new)
        with pytest.raises(NotPermitted):
            await vault.make(key, old)
        with pytest.raises(NotPermitted, match="came to no end"):
            await vault.access(meter)
        await vault.give_up("m1", "another order")
        assert (await vault.made(key)) == Held("next", new)
        await vault.give_up("m1")
        assert await vault.held("m1") == [Held("current", old), Held("past", new)]
        assert await vault.access(meter) == old
        await vault.take_up("m1")
        assert await vault.made(key) == Held("next", new)
        assert await vault.confirm("m1")
        assert await vault.held("m1") == [Held("current", new)]
        assert (await vault.access(meter), await vault.made(key)) == (new, Held("current", new))
        await vault.begin_try(key, 1, InForce.NEW)
        assert await vault.tries(key) == [Try(InForce.NEW, Outcome.SILENT)], "whoever dies now has tried"
        await vault.end_try(key, 1, Outcome.REFUSED)
        await vault.end_try(key, 1, Outcome.TAKEN)
        assert await vault.tries(key) == [Try(InForce.NEW, Outcome.REFUSED)]
        with pytest.raises(AlreadyThere):
            await vault.begin_try(key, 1, InForce.OLD)


def test_s14_nothing_shows_a_secret() -> None:
    entry = Entry("m1", "control", PASSWORD)
    for shown in (repr(entry), str(entry), repr(PASSWORD), repr(PASSWORD.access), repr(BOTH), str(OLD)):
        assert "A1B2C3" not in shown
        assert "\\x01\\x02" not in shown


@pytest.mark.parametrize(
    "text", ["", "# only\n", "a", "a b c", "a AAAA", "é " + "A" * 44, "a " + "A" * 43 + "=\na " + "A" * 43 + "="]
)
def test_a_key_file_that_is_none(text: str) -> None:
    with pytest.raises(UsageFault, match="here") as told:
        parse_keys(text, "here")
    assert "AAAA" not in str(told.value)


def test_keys_come_from_the_environment_or_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    text = '[database]\ndirectory = "d"\n[secrets]\nkey_file = "keys"\n'
    config = parse(text, str(tmp_path / "headend.toml"))
    file = tmp_path / "keys"
    with pytest.raises(UsageFault, match="key_file"):
        load(config, {})
    file.write_text(f"# keys\n{new_line('b')}\n{new_line('a')}\n")
    file.chmod(0o644)
    with pytest.raises(UsageFault, match="chmod"):
        load(config, {})
    file.chmod(0o640)
    found = load(config, {})
    assert found
    assert (found.current, list(found.keys)) == ("b", ["b", "a"])
    told = load(config, {"HEADEND_SECRETS_KEY": f"{new_line('c')};{new_line('d')}"})
    assert told
    assert list(told.keys) == ["c", "d"]
    assert load(parse('[database]\ndirectory = "d"\n', "x"), {}) is None


@pytest.mark.parametrize("row", ["m1,,2", "m1,,2,12345", "m1,,10,123456", ",,2,123456", "m1,,x,123456", "m1,,2,12345G"])
def test_a_line_that_is_no_password_is_refused_and_not_shown(row: str) -> None:
    with pytest.raises(UsageFault, match="line 2") as told:
        list(read_csv([",".join(COLUMNS), row], "f.csv"))
    assert "12345" not in str(told.value)


async def _register(conninfo: str) -> None:
    async with Registry(conninfo) as registry:
        line = NewLine(name="l", url="tcp://192.0.2.1:1", protocol="dlt645")
        await registry.add(
            Additions(lines=(line,), meters=(NewMeter(name="m1", address="1", model="dlt645_2007", line="l"),))
        )


def test_the_command(headend: Headend, site: Path, conninfo: str, tmp_path: Path) -> None:
    import asyncio

    asyncio.run(_register(conninfo))
    keys = tmp_path / "keys"
    first, second = (headend("secret", "new-key", name).out for name in ("k1", "k2"))
    keys.touch(0o600)
    keys.write_text(first)
    site.write_text(site.read_text() + '[secrets]\nkey_file = "keys"\n')
    file = tmp_path / "p.csv"
    file.write_text("meter,kind,level,password\nm1,,2,A1B2C3\nm9,,2,A1B2C3\n")
    ran = headend("secret", "import", file, "--config", site)
    assert (ran.code, "m9" in ran.err) == (2, True)
    file.write_text("meter,kind,level,password\nm1,,2,A1B2C3\n")
    assert headend("secret", "import", file, "--config", site, "--json").document == {"imported": 1}
    keys.write_text(second + first)
    assert headend("secret", "rewrap", "--config", site, "--json").document == {"rewrapped": 1}
    (row,) = headend("secret", "list", "--config", site, "--json").documents
    assert (row["meter"], row["kind"], row["state"], row["key_id"]) == ("m1", "control", "current", "k2")
    assert "A1B2C3" not in headend("secret", "list", "--config", site).out
