"""A disk that is really full: a refusal with its reason, nothing that was taken is lost, and it goes on by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import SpoolRefused
from storage.spool.spool import Spool
from tests.small_disk import small_disk
from tests.storage.spool.batches import batch


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 256) as place:
        yield place


def test_a_full_disk(disk: Path) -> None:
    spool = Spool(disk / "spool", 10_000_000, 1, lambda: 0)
    taken = []
    for number in range(1, 100):
        try:
            spool.append(batch(number, 100))
        except SpoolRefused as error:
            assert "No space left on device" in str(error)  # noqa: PT017 -- the loop ends by it
            break
        taken.append(number)
    assert 10 < len(taken) < 60
    assert "No space left" in spool.state.refusing
    with pytest.raises(SpoolRefused):
        spool.append(batch(1000, 100))
    spool.close()
    spool = Spool(disk / "spool", 10_000_000, 1, lambda: 0)
    found = []
    while chunk := spool.take(1000):
        found += [miss.meter_id for miss in chunk.batch.misses]
        spool.committed(chunk)
    assert found == taken
    assert (spool.counters.torn, spool.counters.damaged) == (0, 0), "what was begun was taken back"
    spool.append(batch(1, 100))
    assert spool.state.refusing == ""
    spool.close()


def test_a_disk_without_room_for_a_first_record(disk: Path) -> None:
    spool = Spool(disk / "spool", 10_000_000, 1, lambda: 0)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)
    for _ in range(2):
        with pytest.raises(SpoolRefused, match="No space left on device"):
            spool.append(batch(1, 100))
    ballast.unlink()
    spool.append(batch(2, 100))
    chunk = spool.take(1000)
    assert chunk
    assert [miss.meter_id for miss in chunk.batch.misses] == [2]
    spool.close()


def test_a_disk_that_is_read_only(disk: Path) -> None:
    spool = Spool(disk / "spool", 10_000_000, 1, lambda: 0)
    spool.append(batch(1))
    spool.close()
    spool = Spool(disk / "spool", 10_000_000, 1, lambda: 0)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(SpoolRefused, match="Read-only file system"):
        spool.append(batch(2))
    chunk = spool.take(1000)
    assert chunk
    spool.committed(chunk)  # what cannot be removed is left, told in the log, and not given again
    assert spool.take(1000) is None
    assert not spool.waiting
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    spool.append(batch(3))
    chunk = spool.take(1000)
    assert chunk
    assert [miss.meter_id for miss in chunk.batch.misses] == [3]
    spool.close()
