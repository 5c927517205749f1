"""Several meters at once: what is left of their answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.reader import FrameReader
from simulators.bus import Bus, Manners
from simulators.collision import Collider, Collisions, collided
from simulators.dlt645 import Dlt645Stations
from tests.simulators.meters import NOON, meter

ONE, OTHER = b"\xf0\xff\x01", b"\x3c\x0f"
ASKED = encode(addresses.to_wire(addresses.WILDCARD), 0x13)


def heard(count: int, collisions: Collisions, times: int = 30) -> list[bytes]:
    """What one path of a bus of `count` meters hears of as many questions to all of them."""
    meters = [meter(number, address=f"2600000000{number:02}") for number in range(1, count + 1)]
    line = Bus(Dlt645Stations(meters), Manners(collisions=collisions)).line()
    return [raw for _ in range(times) for _, raw in line.receive(ASKED, NOON)]


def frames(raw: bytes) -> list[str]:
    reader = FrameReader()
    events = [*reader.feed(raw), *reader.flush()]
    return [addresses.from_wire(event.address) for event in events if isinstance(event, Frame)]


def test_a_collision_keeps_the_zeros() -> None:
    assert collided([ONE, OTHER]) == b"\x30\x0f\x01"


def test_who_begins_later_is_heard_longer() -> None:
    assert collided([ONE, OTHER], [0, 2]) == b"\xf0\xff\x00\x0f"
    assert collided([ONE, OTHER], [4, 0]) == OTHER + ONE, "nobody speaks in between"


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5), st.integers(0, 40), st.integers(0, 99))
def test_what_is_heard_comes_from_the_seed(answers: list[bytes], most: int, seed: int) -> None:
    once, again = (Collider(Collisions(seed, most)) for _ in range(2))
    first = [once.heard(answers) for _ in range(5)]
    assert first == [again.heard(answers) for _ in range(5)]
    assert all(max(map(len, answers)) <= len(raw) <= sum(map(len, answers)) for raw in first)


def test_no_two_collisions_are_alike_and_none_is_understood() -> None:
    raws = heard(3, Collisions(seed=4))
    assert len(set(raws)) > 10
    assert not [frame for raw in raws for frame in frames(raw)]
    assert raws == heard(3, Collisions(seed=4))
    assert raws != heard(3, Collisions(seed=5))


def test_one_meter_never_collides() -> None:
    assert {tuple(frames(raw)) for raw in heard(1, Collisions(capture=0.5))} == {("260000000001",)}


@pytest.mark.parametrize(("capture", "least", "most"), [(0.0, 0, 0), (0.5, 5, 25), (1.0, 30, 30)])
def test_the_strongest_is_heard_as_if_alone(capture: float, least: int, most: int) -> None:
    understood = [name for raw in heard(2, Collisions(seed=1, capture=capture)) for name in frames(raw)]
    assert least <= len(understood) <= most
    assert set(understood) <= {"260000000001"}


def test_each_path_has_collisions_of_its_own() -> None:
    made = Bus(Dlt645Stations([meter(1, address="1"), meter(2, address="2")]), Manners())
    one, other = made.line(), made.line()
    assert [one.receive(ASKED, NOON) for _ in range(9)] != [other.receive(ASKED, NOON) for _ in range(9)]


@pytest.mark.parametrize("wrong", [{"offset_bytes": -1}, {"capture": 1.1}, {"capture": -0.1}])
def test_impossible_collisions_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="capture a share"):
        Collisions(**wrong)  # type: ignore[arg-type]
