"""The directory: newest first, deleted only when committed, bounded, one owner, refusals that say why."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import SpoolInUse, SpoolRefused
from storage.spool.segment import segments_in
from storage.spool.spool import Spool
from tests.storage.spool.batches import batch, cells

LIMIT = 10_000_000


def opened(directory: Path, limit: int = LIMIT, database: int = 1) -> Spool:
    return Spool(directory, limit, database, lambda: 1_700_000_000_000_000)


def drained(spool: Spool, most: int = 1) -> list[int]:
    """The meters of the batches in the order in which they come out."""
    found = []
    while chunk := spool.take(most):
        found += [miss.meter_id for miss in chunk.batch.misses]
        spool.committed(chunk)
    return found


def test_what_went_in_comes_out_and_the_directory_is_empty_again(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    for number in (1, 2, 3):
        spool.append(batch(number))
    assert spool.waiting
    assert spool.state.bytes == sum(path.stat().st_size for path in segments_in(tmp_path))
    chunk = spool.take(1000)
    assert chunk
    assert chunk.records == 3
    assert [miss.meter_id for miss in chunk.batch.misses] == [1, 2, 3]
    spool.committed(chunk)
    assert spool.take(1) is None
    assert (spool.waiting, segments_in(tmp_path), spool.state.bytes) == (False, [], 0)
    assert (spool.counters.captures, spool.counters.drained_captures) == (9, 9)


def test_newest_segment_first(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        spool = opened(tmp_path)
        spool.append(batch(number))
        spool.close()
    spool = opened(tmp_path)
    spool.append(batch(4))
    spool.append(batch(5))
    assert drained(spool) == [4, 5, 3, 2, 1]


def test_a_segment_is_begun_anew_when_it_is_large(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit=200_000)
    for number in range(1, 6):
        spool.append(batch(number, 300))
    assert spool.state.segments == 3
    assert drained(spool) == [5, 3, 4, 1, 2]


def test_what_is_not_committed_is_given_again(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(batch(1))
    spool.append(batch(2))
    first = spool.take(1)
    again = spool.take(1)
    assert first
    assert again
    assert cells(first.batch) == cells(again.batch)
    spool.committed(again)
    spool.close()
    assert drained(opened(tmp_path)) == [1, 2], "a segment goes as a whole, or stays as a whole"


def test_full_is_refused_and_there_is_room_again_after_draining(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit=100_000)
    taken = 20
    for number in range(1, taken + 1):
        spool.append(batch(number, 50))
    with pytest.raises(SpoolRefused, match="full"):
        spool.append(batch(taken + 1, 50))
    assert spool.state.bytes <= 100_000
    assert "full" in spool.state.refusing
    assert spool.counters.refused == 1
    chunk = spool.take(10**6)
    assert chunk
    spool.committed(chunk)
    spool.append(batch(taken + 1))
    assert spool.state.refusing == ""
    left = drained(spool)
    assert sorted(left + [m.meter_id for m in chunk.batch.misses]) == list(range(1, taken + 2))


@pytest.mark.parametrize(
    ("call", "number"),
    [("pwrite", errno.ENOSPC), ("pwrite", errno.EIO), ("fdatasync", errno.EIO), ("open", errno.EROFS)],
)
def test_a_disk_that_refuses_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Writing stops in the middle of a record, the sync fails, or no file can be made."""
    spool = opened(tmp_path)
    if call != "open":
        spool.append(batch(1))
    real: Callable[..., int] = getattr(os, call)

    def failing(*arguments: object) -> int:
        if call == "pwrite" and len(arguments[1]) > 20:  # type: ignore[arg-type]
            return real(arguments[0], bytes(arguments[1])[:20], arguments[2])  # type: ignore[call-overload]
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(f"storage.spool.segment.os.{call}", failing)
        for _ in range(2):
            with pytest.raises(SpoolRefused, match=os.strerror(number)):
                spool.append(batch(2))
    assert os.strerror(number) in spool.state.refusing
    spool.append(batch(3))
    assert spool.state.refusing == ""
    found = drained(spool)
    assert set(found) >= ({3} if call == "open" else {1, 3})
    assert set(found) <= {1, 2, 3}  # an unsynced record may have reached the disk: it comes twice, never wrong
    assert spool.counters.damaged == 0


def test_a_damaged_record_costs_itself_and_the_file_is_kept(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    for number in (1, 2, 3):
        spool.append(batch(number))
    spool.close()
    (path,) = segments_in(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = opened(tmp_path)
    assert drained(again) == [1, 3]
    assert (again.counters.damaged, again.counters.set_aside, again.state.segments, again.state.aside) == (1, 1, 0, 1)
    assert (tmp_path / "aside" / path.name).read_bytes() == data
    assert again.state.bytes == len(data), "what is aside counts against the bound"
    again.append(batch(4))
    assert [name.name for name in segments_in(tmp_path)] == ["0000000000000002.spool"]


def test_a_torn_tail_is_counted_and_goes(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(batch(1))
    spool.append(batch(2))
    spool.close()
    (path,) = segments_in(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    again = opened(tmp_path)
    assert drained(again) == [1]
    assert (again.counters.torn, again.counters.damaged, again.state.bytes) == (1, 0, 0)


def test_what_the_database_refuses_is_set_aside(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(batch(1))
    chunk = spool.take(1)
    assert chunk
    spool.rejected(chunk, "no partition")
    assert (spool.waiting, spool.counters.set_aside) == (False, 1)
    assert len(segments_in(tmp_path / "aside")) == 1


def test_segments_of_another_database_are_set_aside(tmp_path: Path) -> None:
    theirs = opened(tmp_path, database=2)
    theirs.append(batch(1))
    theirs.close()
    ours = opened(tmp_path, database=1)
    assert (ours.waiting, ours.counters.set_aside) == (False, 1)
    ours.append(batch(2))
    assert drained(ours) == [2]


def test_a_segment_of_a_later_version_is_set_aside(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append(batch(1))
    spool.close()
    (path,) = segments_in(tmp_path)
    front = struct.pack("<8sHHQqq", b"\x89HESPL\r\n", 2, 40, 1, 0, 0)
    path.write_bytes(front + struct.pack("<I", zlib.crc32(front)) + b"whatever the future brings")
    again = opened(tmp_path)
    assert (again.waiting, again.counters.set_aside) == (False, 1)


def test_two_processes_never_share_it(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from storage.spool.lock import DirectoryLock\n"
        f"lock = DirectoryLock(Path({str(tmp_path)!r})); print('there', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "there\n"
        with pytest.raises(SpoolInUse, match="another process has this spool"):
            opened(tmp_path)
        other.kill()
        other.wait()
    opened(tmp_path).close()
