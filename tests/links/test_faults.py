"""Seeded faults: the same seed strikes the same chunks, each fault does what it says, nothing strikes unasked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.links.faults import Faults, Mangler
from protocols.links.faulty import FaultyLink
from protocols.links.memory import memory_pair

CHUNK = bytes(range(64))
ALL = Faults(seed=3, noise=0.3, drop=0.1, cut=0.2, corrupt=0.2, duplicate=0.2, late=0.2, half=0.2, reorder=0.2)


def joined(pieces: list[tuple[float, bytes]]) -> bytes:
    return b"".join(piece for _, piece in pieces)


def test_no_faults_change_nothing() -> None:
    assert Mangler(Faults(seed=9)).apply(CHUNK) == [(0.0, CHUNK)]


def test_the_seed_decides() -> None:
    first, second = Mangler(ALL), Mangler(ALL)
    runs = [[mangler.apply(CHUNK) for _ in range(200)] for mangler in (first, second)]
    assert runs[0] == runs[1]
    assert first.struck == second.struck
    assert all(
        first.struck[name] for name in ("noise", "drop", "cut", "corrupt", "duplicate", "late", "half", "reorder")
    )
    other = Mangler(replace(ALL, seed=4))
    assert [other.apply(CHUNK) for _ in range(200)] != runs[0]


@given(st.integers(0, 1000), st.lists(st.binary(max_size=300), max_size=20))
def test_any_chunks_pass_through_without_an_error(seed: int, chunks: list[bytes]) -> None:
    mangler = Mangler(Faults(seed, 0.5, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5))
    for chunk in chunks:
        for delay, piece in mangler.apply(chunk):
            assert delay >= 0
            assert piece


def test_drop_and_cut() -> None:
    assert Mangler(Faults(drop=1)).apply(CHUNK) == []
    [(delay, piece)] = Mangler(Faults(cut=1)).apply(CHUNK)
    assert delay == 0
    assert 0 < len(piece) < len(CHUNK)
    assert CHUNK.startswith(piece)
    assert Mangler(Faults(cut=1)).apply(b"x") == [(0.0, b"x")]


def test_corrupt_flips_one_to_three_bits() -> None:
    mangler = Mangler(Faults(corrupt=1))
    for _ in range(50):
        piece = joined(mangler.apply(CHUNK))
        assert len(piece) == len(CHUNK)
        assert 1 <= sum((a ^ b).bit_count() for a, b in zip(piece, CHUNK, strict=True)) <= 3


def test_noise_stands_before_or_after() -> None:
    mangler = Mangler(Faults(noise=1, noise_bytes=4))
    pieces = [joined(mangler.apply(CHUNK)) for _ in range(50)]
    assert all(CHUNK in piece and 1 <= len(piece) - len(CHUNK) <= 4 for piece in pieces)
    assert any(piece.startswith(CHUNK) for piece in pieces)
    assert any(piece.endswith(CHUNK) for piece in pieces)


def test_duplicate_half_and_late() -> None:
    assert Mangler(Faults(duplicate=1, duplicate_s=0.2)).apply(CHUNK) == [(0.0, CHUNK), (0.2, CHUNK)]
    assert Mangler(Faults(half=1, half_s=0.3)).apply(CHUNK) == [(0.0, CHUNK[:32]), (0.3, CHUNK[32:])]
    [(delay, piece)] = Mangler(Faults(late=1, late_s=(2, 3))).apply(CHUNK)
    assert piece == CHUNK
    assert 2 <= delay <= 3


def test_reorder_lets_the_next_chunk_overtake() -> None:
    mangler = Mangler(Faults(reorder=1))
    assert mangler.apply(b"first") == []
    assert mangler.apply(b"second") == [(0.0, b"second"), (0.0, b"first")]


@pytest.mark.parametrize(
    "settings", [{"noise": 1.5}, {"drop": -0.1}, {"late_s": (2, 1)}, {"half_s": -1}, {"noise_bytes": 0}]
)
def test_impossible_faults_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected|seconds"):
        Faults(**settings)  # type: ignore[arg-type]


async def test_a_faulty_link_mangles_both_ways_and_counts() -> None:
    near, far = memory_pair()
    link = FaultyLink(near, received=Faults(drop=1), sent=Faults(duplicate=1, duplicate_s=0.001))
    await link.send(b"ask")
    assert await far.receive() == b"ask"
    assert await far.receive() == b"ask"
    await far.send(b"answer")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert link.receive_nowait() == b""
    assert link.received is not None
    assert link.received.struck["drop"] == 1
    assert link.sent is not None
    assert link.sent.struck["duplicate"] == 1
    await link.close()


async def test_a_late_chunk_is_overtaken() -> None:
    near, far = memory_pair()
    seed = next(s for s in range(100) if [d > 0 for d, _ in _two(s)] == [True, False])
    link = FaultyLink(near, received=Faults(seed=seed, late=0.5, late_s=(0.01, 0.01)))
    await far.send(b"late")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await far.send(b"prompt")
    assert await link.receive() == b"prompt"
    assert await link.receive() == b"late"
    await link.close()


def _two(seed: int) -> list[tuple[float, bytes]]:
    mangler = Mangler(Faults(seed=seed, late=0.5, late_s=(0.01, 0.01)))
    return [*mangler.apply(b"late"), *mangler.apply(b"prompt")]


async def test_closing_forgets_what_was_still_on_its_way() -> None:
    near, far = memory_pair()
    link = FaultyLink(near, sent=Faults(late=1, late_s=(3600, 3600)))
    await link.send(b"never")
    await link.close()
    with pytest.raises(Exception, match="closed by the other side"):
        far.receive_nowait()
