"""A DTU's own words among a line's bytes, whatever the network makes of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.links.chatter import Answer, Chatter, Sieve, Sifted
from protocols.links.recognition import Words

FRAME = bytes.fromhex("68 12 90 78 56 34 12 68 91 08 33 33 34 33 AB 89 67 45 57 16")


def words(source: str | None) -> Words | None:
    return None if source is None else Words.parse(source)


def sieve(register: str | None = None, heartbeat: str | None = None, prefix: str | None = None) -> Sieve:
    return Sieve(
        Chatter(words(register), words(heartbeat), words(prefix), Answer.parse("hex:06"), Answer.parse("welcome"))
    )


def all_of(found: Sieve, *messages: bytes) -> Sifted:
    sifted = [found.feed(message) for message in messages]
    return Sifted(b"".join(s.data for s in sifted) + found.rest(), b"".join(s.answers for s in sifted))


@given(
    pieces=st.lists(st.sampled_from([b"PING", b"861234567890123", b"\x01\x02", b"\xff", b"\x50\x49", b"8612"])),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_fixed_words_are_found_however_the_stream_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    messages = [stream[a:b] for a, b in pairwise(edges)]
    whole = stream.replace(b"861234567890123", b"\0").split(b"PING")
    found = all_of(sieve(heartbeat="PING", prefix="861234567890123"), *messages)
    assert found.data == b"".join(whole).replace(b"\0", b"")
    assert found.answers == b"\x06" * (len(whole) - 1)


@given(st.binary(max_size=64), st.integers(0, 64))
def test_without_chatter_nothing_is_touched(data: bytes, cut: int) -> None:
    assert all_of(Sieve(Chatter()), data[:cut], data[cut:]) == Sifted(data)


@pytest.mark.parametrize(
    ("heartbeat", "own"),
    [("hex:33333333", b"3333"), ("hex:00", b"\0"), ("hex:3334", b"34"), ("re:[3-4]{4}", b"3434")],
)
def test_words_that_data_may_look_like_go_only_as_messages_of_their_own(heartbeat: str, own: bytes) -> None:
    data = FRAME[:10] + own + FRAME[10:]
    assert all_of(sieve(heartbeat=heartbeat), own, data, own + own) == Sifted(data, b"\x06" * 3)


def test_a_registration_in_every_frame_is_left_there() -> None:
    """The meter's address is a usual one."""
    found = sieve(register="hex:129078563412")
    assert found.begin(bytes.fromhex("129078563412") + FRAME) == Sifted(FRAME, b"welcome")
    assert all_of(found, FRAME, FRAME[1:7]) == Sifted(FRAME, b"welcome")


def test_a_prefix_in_hex_goes_only_in_front() -> None:
    found = sieve(prefix="hex:129078563412")
    assert found.feed(bytes.fromhex("129078563412") + FRAME) == Sifted(FRAME)


def test_a_prefix_of_a_kind() -> None:
    found = sieve(register="re:ID=\\d+;", prefix="re:ID=\\d+,\\d+:")
    assert found.begin(b"ID=17;ID=17,2:\x68") == Sifted(b"\x68", b"welcome")
    assert all_of(found, b"ID=17,3:\x01\x02", b"ID=17,4:", b"\x03") == Sifted(b"\x01\x02\x03")


def test_a_prefix_before_a_digit() -> None:
    """Modbus unit 49 is the character 1: text that ends in a digit is not found before one, a prefix in a stream is."""
    found = sieve(register="DTU-1", prefix="DTU-12345")
    assert all_of(found, b"\x01DTU-123451\x02") == Sifted(b"\x011\x02")


def test_what_is_held_is_given_with_the_registration_behind_it() -> None:
    found = sieve(register="DTU-1", heartbeat="PING")
    assert found.feed(b"\x01P") == Sifted(b"\x01")
    assert found.holds
    assert found.feed(b"DTU-1") == Sifted(b"P", b"welcome")
    assert not found.holds


def test_an_echo_says_the_same() -> None:
    found = Sieve(Chatter(heartbeat=words("re:\\d\\d"), answer=Answer.parse("echo")))
    assert found.feed(b"1234") == Sifted(b"", b"1234")


@pytest.mark.parametrize(
    ("source", "literal"),
    [
        ("len1:DTU-7", b"\x05DTU-7"),
        ("len2:DTU-7", b"\x00\x05DTU-7"),
        ("len2le:hex:C0FFEE", b"\x03\x00\xc0\xff\xee"),
        ("hex:01 00 AF", b"\x01\x00\xaf"),
    ],
)
def test_registrations_in_binary(source: str, literal: bytes) -> None:
    found = Words.parse(source)
    assert found.literal == literal
    assert found.length_at_start(literal + b"3") == len(literal)
    assert found.length_at_start(literal[:-1]) == 0


@pytest.mark.parametrize("source", ["len1:", "len1:re:x", f"len1:{'x' * 256}", "len2:hex:0"])
def test_registrations_that_cannot_be(source: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Words.parse(source)
