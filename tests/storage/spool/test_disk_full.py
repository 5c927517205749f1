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
from tests.servers import missing
from tests.storage.spool.batches import batch


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0:
        missing("only root may mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool", 10_000_000, 1, lambda: 0)
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
    spool = Spool(small_disk / "spool", 10_000_000, 1, lambda: 0)
    found = []
    while chunk := spool.take(1000):
        found += [miss.meter_id for miss in chunk.batch.misses]
        spool.committed(chunk)
    assert found == taken
    assert (spool.counters.torn, spool.counters.damaged) == (0, 0), "what was begun was taken back"
    spool.append(batch(1, 100))
    assert spool.state.refusing == ""
    spool.close()


def test_a_disk_without_room_for_a_first_record(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool", 10_000_000, 1, lambda: 0)
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free)
    for _ in range(2):
        with pytest.raises(SpoolRefused, match="No space left on device"):
            spool.append(batch(1, 100))
    ballast.unlink()
    spool.append(batch(2, 100))
    chunk = spool.take(1000)
    assert chunk
    assert [miss.meter_id for miss in chunk.batch.misses] == [2]
    spool.close()


def test_a_disk_that_is_read_only(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool", 10_000_000, 1, lambda: 0)
    spool.append(batch(1))
    spool.close()
    spool = Spool(small_disk / "spool", 10_000_000, 1, lambda: 0)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(SpoolRefused, match="Read-only file system"):
        spool.append(batch(2))
    chunk = spool.take(1000)
    assert chunk
    spool.committed(chunk)  # what cannot be removed is left, told in the log, and not given again
    assert spool.take(1000) is None
    assert not spool.waiting
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    spool.append(batch(3))
    chunk = spool.take(1000)
    assert chunk
    assert [miss.meter_id for miss in chunk.batch.misses] == [3]
    spool.close()
