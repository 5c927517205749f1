"""Orders and the audit outlive a backup and its restore, with the rights on them."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo

from headend.commands.replay import replay
from storage.audit import Audit
from storage.backup.dump import backup
from storage.backup.restore import restore
from storage.roles import DAEMON, excess, provide
from tests.conftest import Servers
from tests.headend.commands.site import Site, name


async def test_a_restored_chain_is_whole_and_goes_on(site: Site, servers: Servers, tmp_path: Path) -> None:
    order = await site.released(meters=(1, 2))
    async with Audit(site.conninfo) as audit:
        head = await audit.head()
    await backup(site.conninfo, tmp_path / "b")
    with servers("plain").fresh() as fresh:
        await restore(fresh, tmp_path / "b")
        await provide(fresh)
        async with Audit(fresh) as audit:
            assert (await audit.verify([head])).flaws in (None, [])
        again, _ = await replay(fresh, order.id)
        assert [a.differs for a in again] == ["", "", ""]
        assert (await excess(make_conninfo(fresh, user=DAEMON))).found == ()
        other = Site(fresh, now=site.now)
        assert other.states(order.id) == {name(1): "released", name(2): "released"}
        assert (await other.desk().recall(await other.who("ada"), order.id, "")).state == "recalled"
        await other.close()
        async with Audit(fresh) as audit:
            assert (await audit.verify([head])).flaws in (None, [])
        with psycopg.connect(fresh) as connection, pytest.raises(pg.RestrictViolation):
            connection.execute("DELETE FROM audit")
