"""The machine's own clock: what the kernel says of it, and steps."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from headend.health.host_clock import Discipline, HostClock, StepWatch, discipline, sample


def kernel(state: int, status: int, maxerror_us: int) -> Any:
    def adjtimex(pointer: Any) -> int:
        told = pointer._obj
        assert told.modes == 0, "it is only read"
        told.status, told.maxerror = status, maxerror_us
        return state

    return adjtimex


@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [(0, 0x2001, True), (0, 0x0040, False), (5, 0x0040, False), (5, 0, False), (1, 0x0010, True)],
)
def test_what_the_kernel_says(state: int, status: int, synchronised: bool) -> None:
    assert discipline(kernel(state, status, 1500)) == Discipline(synchronised, 0.0015)


def test_a_kernel_that_does_not_say() -> None:
    found = discipline(lambda _: -1)
    assert found == Discipline(None)
    assert (found.problem, found.is_trusted) == (None, False)


def test_this_machine_answers() -> None:
    found = discipline()
    assert (found.max_error_s is None) == (found.synchronised is None)
    assert found.max_error_s is None or 0 <= found.max_error_s <= 16, "the kernel's own bound (NTP_PHASE_LIMIT)"


def test_the_field_that_follows_is_not_taken_for_the_error() -> None:
    """`long` is aligned: on 64 bits there are four bytes behind `modes`."""
    from headend.health.host_clock import _Timex

    assert _Timex.maxerror.offset == 3 * ctypes.sizeof(ctypes.c_long)
    assert ctypes.sizeof(_Timex) >= 208


@pytest.mark.parametrize(
    ("found", "trusted", "says"),
    [
        (Discipline(True, 0.01), True, None),
        (Discipline(True, 15.9), False, "may be wrong by 15.9 s"),
        (Discipline(False, 0.01), False, "not synchronised"),
    ],
)
def test_whether_it_is_trusted(found: Discipline, trusted: bool, says: str | None) -> None:
    assert found.is_trusted == trusted
    assert (found.problem is None) if says is None else (says in str(found.problem))


def test_a_clock_that_is_set_is_noticed_once() -> None:
    watch = StepWatch(0.5)
    assert watch.look(1000.0, 10.0) is None
    assert watch.look(1010.0, 20.0) is None
    assert watch.look(4620.0, 30.0) == pytest.approx(3600)
    assert watch.look(4630.0, 40.0) is None
    assert watch.look(1040.0, 50.0) == pytest.approx(-3600)


def test_small_steps_add_up() -> None:
    watch = StepWatch(0.5)
    assert [watch.look(100 + i + i * 0.2, float(i)) for i in range(4)] == [None, None, None, pytest.approx(0.6)]


@given(st.lists(st.floats(-0.2, 0.2), max_size=30))
def test_noise_is_no_step(noise: list[float]) -> None:
    watch = StepWatch(0.5)
    assert all(watch.look(1e9 + i + error, float(i)) is None for i, error in enumerate(noise))


def test_two_looks_are_near() -> None:
    taken = [sample() for _ in range(50)]
    offsets = [real - boot for real, boot in filter(None, taken)]
    assert offsets
    assert max(offsets) - min(offsets) < 0.5


def test_what_is_told_of_it() -> None:
    says = iter([Discipline(False, 16.0), Discipline(False, 16.0), Discipline(True, 0.001)])
    samples = iter([(1000.0, 1.0), None, (1060.0, 3.0)])
    clock = HostClock(lambda: next(says), lambda: next(samples))
    with capture_logs() as logs:
        for _ in range(3):
            clock.look()
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "the host's clock is not to be trusted"),
        ("info", "the host's clock is in order again"),
        ("warning", "the host's clock was set"),
    ]
    assert clock.counters == {
        "synchronised": True, "max_error_s": 0.001, "steps": 1, "last_step_s": 58.0,
        "last_step": "1970-01-01T00:17:40+00:00",
    }  # fmt: skip
