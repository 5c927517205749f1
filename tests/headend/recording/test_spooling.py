"""The configured spool: one daemon has it, what stands in the way is said, and `headend check` looks at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headend.config import load
from headend.errors import UsageFault
from headend.recording.spooling import spooling
from storage.errors import SpoolInUse
from storage.migrate import birth
from storage.spool.spool import Spool
from tests.headend.command import Headend
from tests.storage.spool.batches import batch


def with_spool(site: Path, directory: str = "spool", size: int = 1_000_000) -> Path:
    site.write_text(f'{site.read_text()}\n[spool]\ndirectory = "{directory}"\nbytes = {size}\n')
    return site


async def test_a_second_daemon_with_the_same_directory_is_refused(site: Path, conninfo: str) -> None:
    config = load(str(with_spool(site)))
    async with spooling(config, conninfo) as first:
        assert first is not None
        with pytest.raises(SpoolInUse, match="another process has this spool; each daemon needs its own"):
            async with spooling(config, conninfo):
                pass
    async with spooling(config, conninfo) as again:
        assert again is not None


async def test_a_directory_that_cannot_be_made_is_a_fault_of_the_configuration(site: Path, conninfo: str) -> None:
    (site.parent / "file").write_text("")
    config = load(str(with_spool(site, "file/spool")))
    with pytest.raises(UsageFault, match=r"spool\.directory: .*Not a directory"):
        async with spooling(config, conninfo):
            pass


async def test_without_a_directory_there_is_none(site: Path, conninfo: str) -> None:
    async with spooling(load(str(site)), conninfo) as none:
        assert none is None


def test_check_tells_of_it(headend: Headend, site: Path, conninfo: str) -> None:
    def finding() -> tuple[bool, str]:
        (found,) = [d for d in headend("check", "--config", site, "--json").documents if d["subject"] == "spool"]
        return found["ok"], found["detail"]

    with_spool(site)
    assert finding()[0]
    assert "will be made" in finding()[1]
    spool = Spool(site.parent / "spool", 1_000_000, 1, lambda: 0)
    spool.append(batch(1))
    assert finding() == (True, f"{site.parent}/spool: 1 segments wait, {spool.state.bytes} of 1000000 bytes are taken")
    for number in range(97):
        spool.append(batch(number, 95))
    ok, detail = finding()
    assert not ok
    assert "it is full" in detail


async def test_a_database_is_told_from_another(conninfo: str) -> None:
    first = await birth(conninfo)
    assert first == await birth(conninfo)
    assert first > 1_700_000_000_000_000
