"""What happened to a meter: what flowed, what stands in its registers, and what the truth says of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.model import Kind
from protocols.quantities import BY_NAME
from simulators.ahead import Ahead
from simulators.meter import VirtualMeter
from simulators.truth import Truth, TruthLog
from tests.simulators.meters import EVENING, meter

START = EVENING.replace(second=0)
IMPORT = BY_NAME["active_energy_import"]
WATCHED = [IMPORT, BY_NAME["active_power"], BY_NAME["voltage_l2"], BY_NAME["status_word_3"]]

changes = st.lists(
    st.tuples(
        st.integers(0, 90 * 1_000_000),
        st.sampled_from(["open", "close", "off", "on", "clear", "clear demand", "word"]),
    ),
    max_size=12,
)


def let_happen(one: VirtualMeter, what: str, at: datetime) -> None:
    if what == "clear":
        one.clear(at)
    elif what == "clear demand":
        one.clear_demand(at)
    elif what in ("open", "close"):
        one.change(at, connected=what == "close", word_3=0 if what == "close" else 0x50)
    elif what in ("off", "on"):
        one.change(at, powered=what == "on")
    else:
        one.change(at, word_3=8)


@given(st.integers(0, 200), changes)
def test_only_what_flowed_is_counted(seed: int, happenings: list[tuple[int, str]]) -> None:
    """Second by second: the counter grows by the load's energy where the way was open, and by nothing elsewhere."""
    one = meter(seed, load="roof")
    counted = one.counters("import", one.second(START))
    flows, at = True, START
    closed = powered = True
    for after, what in sorted(happenings):
        moment = START + timedelta(microseconds=after)
        begin, end = one.second(at), one.second(moment)
        if flows:
            counted = _more(counted, one, begin, end)
        let_happen(one, what, moment)
        closed = what == "close" or (closed and what != "open")
        powered = what == "on" or (powered and what != "off")
        flows = closed and powered
        if what == "clear":
            counted = (0, 0, 0, 0)
        at = moment
        assert one.counters("import", one.second(moment)) == counted
        assert (one.value(BY_NAME["active_power"], moment) == 0) >= (not flows)
        assert (one.value(BY_NAME["voltage_l1"], moment) == 0) is not powered


def _more(counted: tuple[int, ...], one: VirtualMeter, begin: int, end: int) -> tuple[int, int, int, int]:
    curve = one.load.taken
    rows = zip(counted, curve.energies(end), curve.energies(begin), strict=True)
    a, b, c, d = (had + after - before for had, after, before in rows)
    return a, b, c, d


@settings(max_examples=25)
@given(st.integers(0, 50), changes, st.integers(4, 20), st.integers(0, 30))
def test_the_truth_follows(seed: int, happenings: list[tuple[int, str]], tick_s: int, lead_s: int) -> None:
    """However far ahead it had been written down, and whenever the meter refreshes its registers."""
    one, other = meter(seed, tick_s=tick_s), meter(seed + 1, tick_s=tick_s, name="other")
    with TemporaryDirectory() as folder:
        log = TruthLog(Path(folder) / "truth.csv")
        ahead = Ahead(log, [one, other], START)
        ahead.ensure(START)
        for after, what in sorted(happenings):
            moment = START + timedelta(microseconds=after)
            ahead.ensure(moment + timedelta(seconds=lead_s))
            let_happen(one, what, moment)
            ahead.revise(one, moment)
        ahead.ensure(START + timedelta(seconds=120))
        log.close()
        truth = Truth.load(log.path)
    looked = [START + timedelta(seconds=n) for n in range(0, 120, 3)]
    looked += [START + timedelta(microseconds=after) for after, _ in happenings]
    for moment in looked:
        for held in (one, other):
            for quantity, value in held.values(moment, WATCHED).items():
                assert truth.at(held.name, quantity, moment) == value, (moment, quantity.name)


def test_half_a_tick_that_has_been_written_is_written_again(tmp_path: Path) -> None:
    """The background writes some meters of a tick before the others."""
    meters = [meter(n, name=f"m-{n}", tick_s=5) for n in (1, 2)]
    log = TruthLog(tmp_path / "truth.csv")
    ahead = Ahead(log, meters, START)
    ahead.ensure(START)
    ahead.write_some(1)
    for one in meters:
        one.change(START + timedelta(seconds=2), connected=False)
        ahead.revise(one, START + timedelta(seconds=2))
    ahead.ensure(START + timedelta(seconds=5))
    log.close()
    truth = Truth.load(tmp_path / "truth.csv")
    for one in meters:
        for seconds in range(10):
            moment = START + timedelta(seconds=seconds)
            assert truth.at(one.name, "active_power", moment) == one.value(BY_NAME["active_power"], moment)


def test_nothing_happens_before_what_has_happened() -> None:
    one = meter()
    one.change(START, connected=False)
    with pytest.raises(ValueError, match="before the last one"):
        one.change(START - timedelta(microseconds=1), connected=True)


def test_a_switch_refreshes_the_registers() -> None:
    one = meter(tick_s=60, load="works")
    moment = START + timedelta(seconds=25)
    before = one.value(IMPORT, moment)
    one.change(moment, connected=False)
    assert before is not None
    assert (one.value(IMPORT, moment) or 0) > before
    assert one.value(BY_NAME["active_power"], moment) == 0
    assert one.value(BY_NAME["active_power"], moment - timedelta(microseconds=1)) != 0


def test_demand_falls_with_the_energy() -> None:
    one = meter(load="works")
    begin = START.replace(minute=0) + timedelta(hours=1)
    usual = one.value(BY_NAME["active_demand"], begin + timedelta(minutes=15))
    one.change(begin + timedelta(minutes=10), connected=False)
    less = one.value(BY_NAME["active_demand"], begin + timedelta(minutes=15))
    assert usual is not None
    assert less is not None
    assert 0 < less < usual
    assert abs(less - usual * 2 / 3) < usual / 10
    assert one.value(BY_NAME["active_demand"], begin + timedelta(minutes=30)) == Decimal(0)


def test_what_no_meter_has_is_not_changed_by_it() -> None:
    """Asked the same as before, a meter to which nothing harmful happened says the same."""
    touched, other = meter(3), meter(3)
    touched.change(START, word_3=0)
    for minutes in (0, 16, 60, 1500):
        moment = START + timedelta(minutes=minutes)
        assert touched.values(moment) == other.values(moment)
    assert {q.kind for q in touched.values(START)} >= {Kind.CUMULATIVE, Kind.DEMAND}
