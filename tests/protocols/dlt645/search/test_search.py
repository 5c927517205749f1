"""Finding the meters of a line: all of them, and none that is not there."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import encode
from protocols.dlt645.search import Branch, Outcome, Search, Terms
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.read import READ
from protocols.links.faults import Faults
from simulators.bus import Bus, Manners
from simulators.collision import Collisions
from simulators.dlt645 import Dlt645Stations
from tests.headend.virtual_time import virtually
from tests.protocols.dlt645.search.line import (
    Instant,
    Meter,
    Meters,
    Stations,
    driven,
    named,
    searched,
    several,
    stations,
)
from tests.simulators.meters import meter

SURE = Terms(doubt=6)
QUICK = Terms(doubt=0)


def thirty_two() -> list[tuple[Edition, str]]:
    """Of both editions: random, a run of neighbours, apart at the front alone, ending in 16, with 68H."""
    draw = random.Random(645)
    chosen = ["000000000016", "160000000016", "260000000016", "000000000001", "100000000001", "000000680068"]
    chosen += [f"2611220{number:05}" for number in range(70, 80)]
    chosen += [f"{draw.randrange(10**12):012}" for _ in range(32 - len(chosen))]
    assert len(set(chosen)) == 32
    return sorted(("1997" if index % 3 == 2 else "2007", address) for index, address in enumerate(chosen))


def bus(meters: Meters, **manners: Any) -> Bus:
    return Bus(stations(meters), Manners(**manners))


@virtually
async def test_all_of_32_meters_of_both_editions_are_found_and_no_other() -> None:
    meters = thirty_two()
    async with driven(bus(meters, bits_per_second=9600)) as driver:
        search = Search()
        steps = await searched(driver, search)
    assert named(search.found.values()) == meters
    assert search.puzzles == {}
    assert {step.outcome for step in steps} == {Outcome.SILENT, Outcome.ONE, Outcome.SEVERAL}
    assert sum(len(step.found) for step in steps) == 32, "each is told once"


@virtually
async def test_they_are_found_on_a_noisy_line() -> None:
    meters = thirty_two()
    noisy = Faults(seed=7, noise=0.02, corrupt=0.02)
    async with driven(bus(meters, faults=noisy)) as driver:
        search = Search()
        await searched(driver, search)
    assert named(search.found.values()) == meters


@virtually
async def test_what_is_found_was_read_at_its_own_address() -> None:
    meters = thirty_two()
    made = stations(meters)
    async with driven(Bus(made, Manners())) as driver:
        search = Search()
        await searched(driver, search)
    for found in search.found.values():
        own = addresses.to_wire(found.address)
        assert any(raw[1:7] == own for raw in made.asked)
        assert found.answer[1:7] == own
        assert found.item == ("00010000" if found.edition == "2007" else "9010")
        assert found.value.number == int(found.address) % 10**8
        assert found.number == found.address


def test_simulated_meters_with_all_that_they_are_are_found() -> None:
    """Not the simple ones of these tests: whole meters, of both editions on one line."""
    meters: list[tuple[Edition, str]] = [("2007", "260000000016"), ("2007", "000000000017"), ("1997", "990000000016")]
    made = [meter(seed, f"dlt645_{edition}", address=address) for seed, (edition, address) in enumerate(meters, 1)]
    search = Search()
    Instant(Bus(Dlt645Stations(made), Manners(collisions=Collisions(seed=2)))).search(search)
    assert named(search.found.values()) == sorted(meters)
    assert search.puzzles == {}


def test_every_meter_is_found_behind_the_strongest_ones() -> None:
    """The worst that wires can do: of several answers at once only one is heard, and always clean."""
    meters = [*thirty_two()[:4], ("2007", "555555550001"), ("2007", "555555560001"), ("2007", "666666550001")]
    line = Instant(bus(meters, collisions=Collisions(capture=1.0)))
    search = Search(terms=Terms(tries=1, doubt=6))
    line.search(search)
    assert named(search.found.values()) == sorted(meters)


def test_a_clean_answer_to_all_is_not_believed_by_itself() -> None:
    meters: Meters = [("2007", "000000000001"), ("2007", "000000000002")]
    captured = Collisions(capture=1.0)
    found = {}
    for terms in (QUICK, Terms()):
        search = Search(terms=terms)
        Instant(bus(meters, collisions=captured)).search(search)
        found[terms.doubt] = named(search.found.values())
    assert found == {0: [("2007", "000000000001")], 1: list(meters)}


def test_some_capture_is_seen_by_asking_twice() -> None:
    meters = thirty_two()
    search = Search()
    Instant(bus(meters, collisions=Collisions(seed=3, capture=0.3))).search(search)
    assert len(search.found) >= 30
    assert set(named(search.found.values())) <= set(meters)


ADDRESSES = st.integers(0, 10**12 - 1).map("{:012}".format).filter(lambda text: text != addresses.BROADCAST)
NEAR = st.builds(
    lambda base, place, digit: base[:place] + digit + base[place + 1 :],
    st.sampled_from(["123456789012", "000000000000", "160000160016", "990000000099"]),
    st.integers(0, 11),
    st.sampled_from("0123456789"),
)


SETS = st.dictionaries(ADDRESSES | NEAR, st.sampled_from(["2007", "1997"]), max_size=8)
WIRES = st.builds(Collisions, st.integers(0, 99), st.sampled_from([0, 1, 3, 8, 30, 60]), st.floats(0, 1))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(ADDRESSES | NEAR, st.sampled_from(["2007", "1997"]), max_size=4), WIRES)
def test_any_set_of_meters_is_found_by_who_never_believes(meters: dict[str, Edition], collisions: Collisions) -> None:
    expected = sorted((edition, address) for address, edition in meters.items())
    search = Search(terms=Terms(tries=1, doubt=6))
    Instant(bus(expected, collisions=collisions)).search(search)
    assert named(search.found.values()) == expected


@settings(max_examples=50, deadline=None)
@given(SETS, WIRES)
def test_who_is_missed_is_hidden_by_one_with_the_same_last_digits(
    meters: dict[str, Edition], collisions: Collisions
) -> None:
    """All that capture, or two answers bit on bit, can do to the usual search."""
    expected = {(edition, address) for address, edition in meters.items()}
    search = Search()
    Instant(bus(sorted(expected), collisions=collisions)).search(search)
    assert set(search.found) <= expected
    heard = {(edition, address[-2:]) for edition, address in search.found}
    assert {(edition, address[-2:]) for edition, address in expected} == heard


@settings(max_examples=60, deadline=None)
@given(
    st.sets(ADDRESSES | NEAR, max_size=6),
    st.integers(0, 99),
    st.floats(0, 1),
    st.floats(0, 0.5),
    st.integers(0, 3),
)
def test_no_meter_is_ever_invented(chosen: set[str], seed: int, capture: float, fault: float, doubt: int) -> None:
    meters: list[tuple[Edition, str]] = [("2007", address) for address in sorted(chosen)]
    faults = Faults(seed=seed, noise=fault, cut=fault, drop=fault)
    line = Instant(bus(meters, collisions=Collisions(seed, 8, capture), faults=faults))
    search = Search(terms=Terms(tries=1, doubt=doubt))
    for _ in range(1500):
        if not search.pending:
            break
        line.run(search.step())
    assert set(named(search.found.values())) <= set(meters)


# -- one, none, nothing that can be understood


def test_one_meter_and_who_else_answers_is_asked_of_each_last_byte() -> None:
    line = Instant(bus([("2007", "123456789012")]))
    search = Search()
    steps = line.search(search)
    assert named(search.found.values()) == [("2007", "123456789012")]
    assert [step.ending for step in steps[:2]] == ["", ""], "both editions first"
    assert steps[0].found, "and it is told at once"
    assert len(steps) == 2 + 100
    quick = Instant(bus([("2007", "123456789012")]))
    quick.search(Search(terms=QUICK))
    assert quick.requests < 40


@pytest.mark.parametrize(("terms", "steps"), [(Terms(), 2), (SURE, 202)])
def test_nobody(terms: Terms, steps: int) -> None:
    line = Instant(bus([]))
    search = Search(terms=terms)
    assert len(line.search(search)) == steps
    assert (search.found, search.noise) == ({}, 0)


def test_a_babbling_line_is_told_from_colliding_meters() -> None:
    draw = random.Random(1)
    line = Instant(bus([]), babble=lambda: draw.randbytes(9))
    search = Search()
    steps = line.search(search)
    assert [step.outcome for step in steps] == [Outcome.BABBLE, Outcome.BABBLE]
    assert set(search.puzzles.values()) == {"noise, and just the same when nobody is asked"}
    assert search.noise > 0
    assert not search.found


def test_meters_are_found_behind_a_babble() -> None:
    """Noise proves nothing there, but frames do: the search stays small."""
    draw = random.Random(1)
    meters: Meters = [("2007", "123456789012")]
    line = Instant(bus(meters), babble=lambda: b"\x00" + draw.randbytes(3))
    search = Search(terms=QUICK)
    steps = line.search(search)
    assert named(search.found.values()) == list(meters)
    assert len(steps) == 2


# -- meters that are not as the book says


def found_on(*meters: Meter, terms: Terms = QUICK) -> tuple[list[tuple[Edition, str]], Search]:
    search = Search(terms=terms)
    Instant(Bus(Stations(meters), Manners())).search(search)
    return named(search.found.values()), search


@pytest.mark.parametrize("has", [["04000401", "00010000"], ["00010000"], ["02010100"], ["04000402"]])
def test_a_meter_that_has_hardly_an_item(has: list[str]) -> None:
    found, search = found_on(Meter("2007", "123456789012", has=has))
    assert found == [("2007", "123456789012")]
    assert search.found["2007", "123456789012"].item in has


def test_a_meter_that_refuses_everything_is_told_and_not_found() -> None:
    found, search = found_on(Meter("2007", "123456789012", has=[]))
    assert found == []
    assert "no requested data" in search.puzzles["2007", "123456789012"]


@pytest.mark.parametrize("edition", ["2007", "1997"])
def test_an_answer_under_the_wildcard_is_no_address(edition: Edition) -> None:
    """The address comes from the data: of 13H, or of the item that holds it."""
    found, _ = found_on(Meter(edition, "123456789012", echoes=True))
    assert found == [(edition, "123456789012")]


def test_a_server_that_answers_for_everybody_is_one_meter() -> None:
    """PyPI's dlt645 3.2.0: the wildcard comes back as the address, and whom it is not it refuses under his name."""
    found, search = found_on(
        Meter("2007", "121078563412", shorts=False, echoes=True, everywhere=True), terms=Terms(doubt=1)
    )
    assert found == [("2007", "121078563412")]
    assert not any("A" in address for _, address in search.puzzles)


def test_a_meter_of_1997_that_answers_the_broadcast_alone() -> None:
    class Old(Meter):
        def _is_meant(self, asked: bytes) -> bool:
            return asked in (self.own, b"\x99" * 6)

    assert found_on(Old("1997", "000000123456"))[0] == [("1997", "000000123456")]


def test_short_addresses_of_1997_are_filled_up_with_wildcards() -> None:
    meters = [Meter("1997", "AAAA12345678"), Meter("1997", "AAAA12345679"), Meter("1997", "111112345679")]
    found, _ = found_on(*meters[:1])
    assert found == [("1997", "AAAA12345678")]
    found, _ = found_on(*meters[:2])
    assert found == [("1997", "AAAA12345678"), ("1997", "AAAA12345679")]


def test_a_meter_that_only_gives_its_address() -> None:
    """Wildcard reads are for others; the walk then asks for addresses."""

    class Shy(Meter):
        def _is_meant(self, asked: bytes) -> bool:
            return asked == self.own or (0xAA in asked and self.asks_address and addresses.reaches(asked, self.own))

        asks_address = False

        def answer(self, frame: Any) -> bytes | None:
            self.asks_address = frame.function == 0x13
            return super().answer(frame)

    meters = [Shy("2007", "123456789012"), Shy("2007", "123456789013")]
    assert found_on(*meters)[0] == [("2007", "123456789012"), ("2007", "123456789013")]


def test_several_that_take_no_shortened_address_cannot_be_told_apart() -> None:
    meters = [Meter("2007", f"12345678901{digit}", shorts=False) for digit in (2, 3)]
    found, search = found_on(*meters)
    assert found == []
    assert search.puzzles == {("2007", ""): "several answer at once, and none of them a longer ending of addresses"}


def test_two_meters_with_one_address_are_a_puzzle() -> None:
    found, search = found_on(Meter("2007", "123456789012"), Meter("2007", "123456789012"))
    assert set(found) <= {("2007", "123456789012")}
    assert "two meters" in search.puzzles["2007", "123456789012"]


def test_the_same_address_in_both_editions_is_found_in_both() -> None:
    """One meter that speaks both, or two: from outside nobody can tell."""
    found, _ = found_on(Meter("2007", "123456789012"), Meter("1997", "123456789012"))
    assert found == [("1997", "123456789012"), ("2007", "123456789012")]


def test_a_frame_that_a_collision_made_up_is_no_meter() -> None:
    """05 and 03 over each other are 01, and by chance the sum fits as well."""

    class Ghost(Stations):
        def answers(self, frame: Any, now: Any) -> list[bytes]:
            wild = 0xAA in frame.address and addresses.reaches(frame.address, addresses.to_wire("1"))
            ghost = encode(addresses.to_wire("1"), 0x91, frame.data + bytes(6)) if wild else None
            return [ghost] if ghost and frame.function == READ else super().answers(frame, now)

    search = Search(terms=QUICK)
    line = Instant(Bus(Ghost([Meter("2007", "3"), Meter("2007", "5")]), Manners()))
    line.search(search)
    assert named(search.found.values()) == [("2007", "000000000003"), ("2007", "000000000005")]
    assert "not to be read there" in search.puzzles["2007", "000000000001"]


# -- stopping and going on


def test_a_search_can_be_stopped_anywhere_and_gone_on_with() -> None:
    meters = thirty_two()
    made = bus(meters)
    found: list[tuple[Edition, str]] = []
    left = [str(Branch("2007")), str(Branch("1997"))]
    rounds = 0
    while left:
        line, search = Instant(made), Search(map(Branch.parse, left))
        for _ in range(150):
            if search.pending:
                line.run(search.step())
        found += named(search.found.values())
        left = [str(branch) for branch in search.pending]
        rounds += 1
    assert rounds > 3
    assert sorted(set(found)) == meters


def test_a_step_that_was_broken_off_has_not_been_done() -> None:
    search = Search()
    step = search.step()
    next(step)
    step.close()
    assert list(search.pending) == [Branch("2007"), Branch("1997")]
    Instant(bus(thirty_two())).search(search)
    assert len(search.found) == 32


def test_only_addresses_with_a_known_ending_are_looked_for() -> None:
    made = stations([("2007", "000000000016"), ("2007", "160000000016"), ("2007", "000000000017")])
    search = Search([Branch("2007", "0016")])
    steps = Instant(Bus(made, Manners())).search(search)
    assert named(search.found.values()) == [("2007", "000000000016"), ("2007", "160000000016")]
    assert all(step.ending.endswith("0016") for step in steps)
    assert several(steps) == ["0016", "000016", "00000016", "0000000016"]


@pytest.mark.parametrize("text", ["2007:", "1997:16", "2007:3412+00", "2007:+99", "1997:0011223344+07"])
def test_a_branch_is_spelled_and_read(text: str) -> None:
    assert str(Branch.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "2007", "2001:", "2007:1", "2007:12+", "2007:12+1", "2007:12+100", "2007:123456789012+00", "2007:AA"]
)
def test_what_is_no_branch(text: str) -> None:
    with pytest.raises(Exception, match="not a branch of a search"):
        Branch.parse(text)


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"doubt": -1}, {"doubt": 7}])
def test_terms_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="tries is at least 1"):
        Terms(**wrong)
