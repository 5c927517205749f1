"""The agenda does what one that looks through everything does, whatever is added, taken, given back and ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.peers.plain_agenda import PlainAgenda
from headend.work.agenda import Agenda
from headend.work.job import Job
from headend.work.plan import Priority
from tests.headend.work.test_agenda import NOW

MINUTE = timedelta(minutes=1)
jobs = st.builds(
    lambda meter, slot, due, lasts, priority, tries: Job(
        meter, NOW + slot * MINUTE, NOW + (slot + due) * MINUTE, NOW + (slot + due + lasts) * MINUTE, priority, tries
    ),
    st.integers(1, 5), st.integers(0, 12), st.integers(0, 5), st.integers(1, 9), st.sampled_from(Priority),
    st.integers(1, 3),
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("add"), st.lists(jobs, max_size=6)),
    st.tuples(st.just("turn"), st.frozensets(st.integers(1, 5), max_size=2)),
    st.tuples(st.just("back"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(-3, 6)),
)


@settings(max_examples=300)
@given(st.lists(steps, max_size=40))
def test_the_same_as_looking_through_everything(taken: list[tuple[str, object]]) -> None:
    quick, plain = Agenda(), PlainAgenda()
    now: datetime = NOW
    turns: list[tuple[int, list[Job]]] = []
    for kind, what in taken:
        if kind == "add":
            assert isinstance(what, list)
            quick.add(what)
            plain.add(what)
        elif kind == "turn":
            assert isinstance(what, frozenset)
            mine, theirs = quick.turn(now, partial(_speaks, what)), plain.turn(now, partial(_speaks, what))
            assert mine == theirs
            turns += [mine] if mine is not None else []
        elif kind == "back" and turns:
            meter, done = turns.pop()
            again = [more for job in done if (more := job.again()) is not None] if what else []
            quick.back(meter, again)
            plain.back(meter, again)
        elif kind == "wait":
            assert isinstance(what, int)
            now += what * MINUTE
            assert sorted(map(repr, quick.expired(now))) == sorted(map(repr, plain.expired(now)))
        assert len(quick) == len(plain)
        for meter in range(1, 6):
            assert quick.live_waits(now, lambda _: True, meter) == plain.live_waits(now, lambda _: True, meter)
        wakes = quick.wakes(now)
        if any(job.expires <= now for held in plain._jobs.values() for job in held):
            assert wakes is not None
            assert wakes <= now
        else:
            assert wakes == plain.wakes(now)


def _speaks(silent: frozenset[int], meter: int) -> bool:
    return meter not in silent
