"""Few reads, and no two of one length."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.plan import Ground, learn, plan_reads
from protocols.modbus.reads import RegisterRead, part_of, span_read
from protocols.modbus.registers import TYPES, Register, RegisterType


def grounds(layout: list[tuple[int, str]], limit: int = 125, *, holes: bool = False) -> Ground:
    return Ground(
        tuple(Register(4, at, TYPES[form], part_of(4, at)) for at, form in layout), limit, 65536 if holes else 0
    )


def spans(reads: list[RegisterRead]) -> list[tuple[int, int]]:
    return [(read.request.address, read.request.count) for read in reads]


def at(ground: Ground, *addresses: int) -> list[Register]:
    return [register for register in ground.known if register.address in addresses]


FLOATS = [(address, "float32") for address in range(0, 100, 2)]


def test_neighbours_are_one_read() -> None:
    ground = grounds(FLOATS)
    reads = plan_reads(at(ground, 4, 6, 8), ground)
    assert spans(reads) == [(4, 6)]
    assert [register.address for register in reads[0].registers] == [4, 6, 8]


def test_a_read_gives_what_was_wanted_and_no_more() -> None:
    ground = grounds(FLOATS)
    reads = plan_reads(at(ground, 0, 8), ground)
    assert spans(reads) == [(0, 10)]
    assert [register.address for register in reads[0].registers] == [0, 8]


def test_holes_are_read_only_where_the_model_says_so() -> None:
    layout = [(0, "u32"), (10, "u32"), (12, "u16")]
    assert spans(plan_reads(list(grounds(layout).known), grounds(layout))) == [(0, 2), (10, 3)]
    assert spans(plan_reads(list(grounds(layout).known), grounds(layout, holes=True))) == [(0, 13)]


def test_the_limit_cuts_between_registers() -> None:
    ground = grounds([(0, "u32"), (2, "u64"), (6, "u16")], limit=5)
    assert spans(plan_reads(list(ground.known), ground)) == [(0, 2), (2, 5)]


def test_two_reads_of_one_length_are_made_different_by_reading_more() -> None:
    ground = grounds([(0, "float32"), (10, "float32"), (12, "u16")])
    reads = plan_reads(at(ground, 0, 10), ground)
    assert spans(reads) == [(0, 2), (10, 3)]
    assert [register.address for read in reads for register in read.registers] == [0, 10]


def test_the_first_gives_way_where_the_second_cannot() -> None:
    ground = grounds([(0, "float32"), (2, "u16"), (10, "float32")])
    assert spans(plan_reads(at(ground, 0, 10), ground)) == [(0, 3), (10, 2)]


def test_downwards_too() -> None:
    ground = grounds([(0, "float32"), (9, "u16"), (10, "float32")])
    assert spans(plan_reads(at(ground, 0, 10), ground)) == [(0, 2), (9, 3)]


def test_a_hole_is_stretched_over_to_the_next_whole_register() -> None:
    ground = grounds([(0, "float32"), (4, "float32"), (100, "float32"), (130, "float32")], limit=20, holes=True)
    assert spans(plan_reads(at(ground, 0, 100), ground)) == [(0, 6), (100, 2)]


def test_full_reads_are_cut_elsewhere() -> None:
    ground = grounds([(address, "float32") for address in range(0, 18, 2)], limit=10)
    assert spans(plan_reads(list(ground.known), ground)) == [(0, 10), (10, 8)]
    ground = grounds([(address, "float32") for address in range(0, 16, 2)], limit=10)
    assert sorted(count for _, count in spans(plan_reads(list(ground.known), ground))) == [6, 10]


def test_a_read_more_where_the_limit_leaves_no_other_way() -> None:
    ground = grounds([(address, "float32") for address in range(0, 20, 2)], limit=10)
    counts = [count for _, count in spans(plan_reads(list(ground.known), ground))]
    assert len(counts) == len(set(counts)) == 3
    assert sum(counts) >= 20


def test_where_it_cannot_be_it_is_left() -> None:
    ground = grounds([(address, "float32") for address in range(0, 100, 10)])
    assert spans(plan_reads(list(ground.known), ground)) == [(address, 2) for address in range(0, 100, 10)]


@st.composite
def asked(draw: st.DrawFn) -> tuple[Ground, list[Register]]:
    layout, address = [], 0
    for _ in range(draw(st.integers(1, 24))):
        address += draw(st.sampled_from([0, 0, 0, 1, 2, 7, 60]))
        form = draw(st.sampled_from(["u16", "float32", "u64"]))
        layout.append((address, form))
        address += TYPES[form].words
    ground = grounds(layout, draw(st.sampled_from([4, 10, 50, 125])), holes=draw(st.booleans()))
    wanted = draw(st.lists(st.sampled_from(ground.known), unique_by=lambda r: r.address))
    return ground, wanted


@given(asked())
def test_every_plan_gives_what_is_wanted_within_the_rules(case: tuple[Ground, list[Register]]) -> None:
    ground, wanted = case
    reads = plan_reads(wanted, ground)
    given_ = [register.address for read in reads for register in read.registers]
    assert given_ == sorted(register.address for register in wanted)
    known = {address for register in ground.known for address in range(register.address, register.end)}
    starts, ends = {r.address for r in ground.known}, {r.end for r in ground.known}
    for read in reads:
        start, end = read.request.address, read.request.address + read.request.count
        assert read.request.count <= ground.limit
        assert start in starts
        assert end in ends
        assert all(start <= register.address and register.end <= end for register in read.registers)
        assert ground.holes or known.issuperset(range(start, end))


@given(asked())
def test_no_plan_is_cut_more_than_its_lengths_need(case: tuple[Ground, list[Register]]) -> None:
    ground, wanted = case
    counts = [read.request.count for read in plan_reads(wanted, ground)]
    fewest = _greedy(wanted, ground)
    assert len(counts) >= fewest
    if len(counts) > fewest:  # every further read has made a length distinct
        assert len(set(counts)) >= len(counts) - fewest + 1


def _greedy(wanted: list[Register], ground: Ground) -> int:
    """The fewest reads, counted independently: a new one wherever the run or the limit ends."""
    breaks = {high.address for low, high in pairwise(ground.known) if low.end != high.address and not ground.holes}
    reads, start = 0, -1
    for register in sorted(wanted, key=lambda r: r.address):
        broken = start >= 0 and any(start < place <= register.address for place in breaks)
        if start < 0 or broken or register.end - start > ground.limit:
            reads, start = reads + 1, register.address
    return reads


@pytest.mark.parametrize("number", [0, 1])
def test_small_plans(number: int) -> None:
    ground = grounds(FLOATS)
    assert len(plan_reads(list(ground.known[:number]), ground)) == number


def test_a_hole_may_be_bounded() -> None:
    ground = grounds([(0, "u32"), (4, "u32"), (9, "u32")])._replace(holes=2)
    assert spans(plan_reads(list(ground.known), ground)) == [(0, 6), (9, 2)]


def test_blocks_bound_what_a_read_reaches_over() -> None:
    ground = grounds([(0, "u32"), (8, "u16"), (10, "u16"), (40, "u16"), (60, "u32")])._replace(
        blocks=((0, 9), (10, 41))
    )
    assert spans(plan_reads(list(ground.known), ground)) == [(0, 9), (10, 31), (60, 2)]


def test_bits_of_one_register_are_one_read() -> None:
    known = tuple(Register(3, 7, RegisterType(f"bit{n}", 1, bit=n), part_of(3, 7)) for n in (0, 3, 15))
    ground = Ground(known, 125)
    (read,) = plan_reads(known, ground)
    assert (read.request.address, read.request.count) == (7, 1)
    assert [value.number for value in read.decode(b"\x80\x08")] == [0, 1, 1]


def test_a_value_and_its_scale_factor_are_never_parted() -> None:
    factor = Register(3, 6, TYPES["s16"], part_of(3, 6), scaling=True)
    known = (*(Register(3, at, TYPES["s16"], part_of(3, at), factor=6) for at in (2, 3, 4, 5)), factor)
    ground = Ground(known, 125)
    (read,) = plan_reads([known[1]], ground)
    assert (read.request.address, read.request.count) == (3, 4)
    assert read.decode(bytes.fromhex("08fe 0000 0000 ffff"))[0].decimal == Decimal("230.2")
    assert learn(ground, read).known == known[:1], "what cannot be cut is not there; 2 is left without its factor"


def test_a_refused_read_is_cut_where_the_hole_is_widest() -> None:
    ground = grounds([(0, "u32"), (2, "u32"), (20, "u32"), (24, "u32")], holes=True)
    (read,) = plan_reads(list(ground.known), ground)
    learnt = learn(ground, read)
    assert spans(plan_reads(list(learnt.known), learnt)) == [(0, 4), (20, 6)]


class Stubborn:
    """A meter that gives `there`, no more than `limit` registers at once, and no half numbers."""

    def __init__(self, there: set[int], limit: int) -> None:
        self.there = there
        self.limit = limit

    def gives(self, read: RegisterRead) -> bool:
        first, count = read.request.address, read.request.count
        return count <= self.limit and self.there.issuperset(range(first, first + count))


@given(asked(), st.data())
def test_refusals_lead_to_a_plan_that_gets_all_there_is(
    case: tuple[Ground, list[Register]], data: st.DataObject
) -> None:
    ground, wanted = case
    lacking = data.draw(st.sets(st.sampled_from(ground.known).map(lambda r: r.address), max_size=3))
    there = {a for r in ground.known if r.address not in lacking for a in range(r.address, r.end)}
    meter = Stubborn(there, data.draw(st.sampled_from([4, 7, 20, 125])))
    for _ in range(4 * len(ground.known) + 1):
        plan = plan_reads([r for r in wanted if r in ground.known], ground)
        refused = next((read for read in plan if not meter.gives(read)), None)
        if refused is None:
            break
        ground = learn(ground, refused)
    else:
        raise AssertionError("never learns")
    got = {register.address for read in plan for register in read.registers}
    assert got == {r.address for r in wanted} - lacking


def test_bits_are_read_as_bits() -> None:
    coils = tuple(Register(1, at, RegisterType("bit", 1, bit=0), part_of(1, at)) for at in (3, 4, 12))
    read = span_read(1, 3, 10, coils)
    assert read.request.encode() == bytes.fromhex("010003000a")
    assert [value.number for value in read.decode(b"\x02\x02")] == [0, 1, 1]
    assert read.label == "coil 3..12"
