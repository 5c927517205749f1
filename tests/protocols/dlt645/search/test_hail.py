"""Whether anybody understands us: what tells a wrong rate from a right one."""

from __future__ import annotations

import random

import pytest

from protocols.dlt645.search import Hail, hail
from protocols.dlt645.services.edition import Edition
from simulators.bus import Bus, Manners
from tests.protocols.dlt645.search.line import Instant, Meter, Meters, Stations, stations

BOTH: tuple[Edition, ...] = ("2007", "1997")


@pytest.mark.parametrize(
    ("meters", "expected"),
    [
        pytest.param([], Hail.SILENCE, id="nobody"),
        pytest.param([("2007", "123456789012")], Hail.FRAME, id="one of 2007"),
        pytest.param([("1997", "123456789012")], Hail.FRAME, id="one of 1997"),
        pytest.param([("2007", "123456789012"), ("2007", "987654321098")], Hail.NOISE, id="several"),
        pytest.param([("2007", "123456789012"), ("1997", "987654321098")], Hail.FRAME, id="one of each"),
    ],
)
def test_what_a_line_gives_back(meters: Meters, expected: Hail) -> None:
    assert Instant(Bus(stations(meters), Manners())).run(hail(BOTH)) is expected


def test_noise_of_the_lines_own_is_not_taken_for_meters() -> None:
    draw = random.Random(3)
    line = Instant(Bus(stations([]), Manners()), babble=lambda: draw.randbytes(5))
    assert line.run(hail(BOTH)) is Hail.BABBLE


def test_noise_that_comes_once_is_nothing() -> None:
    once = [b"\x13\x37"]
    line = Instant(Bus(stations([]), Manners()), babble=lambda: once.pop() if once else b"")
    assert line.run(hail(BOTH)) is Hail.SILENCE
    assert line.requests == 5


@pytest.mark.parametrize(("edition", "expected"), [("2007", Hail.SILENCE), ("1997", Hail.FRAME)])
def test_only_the_editions_that_are_wanted_are_asked(edition: Edition, expected: Hail) -> None:
    made = Stations([Meter("1997", "123456789012")])
    assert Instant(Bus(made, Manners())).run(hail([edition])) is expected
    assert {raw[8] for raw in made.asked} <= ({0x11, 0x13} if edition == "2007" else {0x01})
