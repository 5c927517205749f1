"""Whose turn it is, and what is done in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from headend.work.agenda import Agenda
from headend.work.job import Job, due
from headend.work.plan import Kind, Plan, Priority
from headend.work.quarantine import GOOD, Policy, Standing
from headend.work.schedule import Every

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def anyone(_: int) -> bool:
    return True


def job(meter: int, priority: Priority = Priority.TODAY, ago: timedelta = timedelta(0), **more: object) -> Job:
    slot = NOW - ago
    given = {"meter_id": meter, "slot": slot, "due": slot, "expires": NOW + HOUR, "priority": priority, "tries": 3}
    return Job(**{**given, **more})  # type: ignore[arg-type]


def turns(agenda: Agenda) -> list[tuple[int, list[Priority]]]:
    found = []
    while (turn := agenda.turn(NOW, anyone)) is not None:
        meter, jobs = turn
        agenda.back(meter)
        found.append((meter, [one.priority for one in jobs]))
    return found


def test_a_person_comes_first_and_recovery_last() -> None:
    agenda = Agenda()
    agenda.add([job(1, Priority.RECOVERY), job(2), job(3, Priority.EVENT), job(4, Priority.PERSON)])
    assert [meter for meter, _ in turns(agenda)] == [4, 3, 2, 1]


def test_the_older_slot_first_but_of_recovery_the_newest() -> None:
    agenda = Agenda()
    agenda.add([job(1, ago=HOUR), job(2, ago=2 * HOUR)])
    agenda.add([job(3, Priority.RECOVERY, 9 * HOUR), job(4, Priority.RECOVERY, 5 * HOUR)])
    assert [meter for meter, _ in turns(agenda)] == [2, 1, 4, 3]


def test_all_that_is_due_is_done_in_one_turn() -> None:
    agenda = Agenda()
    agenda.add([job(1), job(1, Priority.PERSON), job(1, Priority.EVENT), job(1, due=NOW + HOUR)])
    assert turns(agenda) == [(1, [Priority.PERSON, Priority.EVENT, Priority.TODAY])]
    assert len(agenda) == 1


def test_recovery_is_not_done_in_passing_while_another_meter_waits() -> None:
    agenda = Agenda()
    agenda.add([job(1, ago=HOUR), job(1, Priority.RECOVERY), job(2)])
    assert turns(agenda) == [(1, [Priority.TODAY]), (2, [Priority.TODAY]), (1, [Priority.RECOVERY])]


def test_a_retry_stands_behind_its_class() -> None:
    first = job(1, ago=HOUR)
    again = first.again()
    assert again is not None
    agenda = Agenda()
    agenda.add([again, job(2), job(3, Priority.RECOVERY)])
    assert [meter for meter, _ in turns(agenda)] == [2, 1, 3]
    last = again.again()
    assert last is not None
    assert last.again() is None


def test_a_meter_has_one_turn_at_a_time() -> None:
    agenda = Agenda()
    agenda.add([job(1), job(2)])
    first = agenda.turn(NOW, anyone)
    assert first is not None
    agenda.add([job(first[0], Priority.PERSON)])
    second = agenda.turn(NOW, anyone)
    assert second is not None
    assert {first[0], second[0]} == {1, 2}
    assert agenda.turn(NOW, anyone) is None
    agenda.back(first[0])
    third = agenda.turn(NOW, anyone)
    assert third is not None
    assert third[0] == first[0]


def test_who_may_not_be_asked_is_passed_over_and_its_jobs_end() -> None:
    agenda = Agenda()
    agenda.add([job(1), job(2)])
    assert agenda.turn(NOW, lambda meter: meter == 2) is not None
    assert agenda.turn(NOW, lambda meter: meter == 2) is None
    assert agenda.wakes(NOW) == NOW + HOUR
    assert [one.meter_id for one in agenda.expired(NOW + HOUR)] == [1]
    assert len(agenda) == 0


def test_a_person_may_ask_whom_nobody_may() -> None:
    agenda = Agenda()
    agenda.add([job(1), job(1, Priority.PERSON)])
    found = agenda.turn(NOW, lambda _: False)
    assert found is not None
    assert [one.priority for one in found[1]] == [Priority.PERSON]
    agenda.back(1)
    assert agenda.turn(NOW, lambda _: False) is None
    assert len(agenda) == 1


def test_recovery_gives_way_to_what_can_be_done_and_to_nothing_else() -> None:
    agenda = Agenda()
    agenda.add([job(1, Priority.RECOVERY)])
    assert agenda.turn(NOW, anyone) is not None
    assert not agenda.live_waits(NOW, anyone, 1)
    agenda.add([job(2), job(3, due=NOW + HOUR), job(4, Priority.RECOVERY)])
    assert agenda.live_waits(NOW, anyone, 1)
    assert not agenda.live_waits(NOW, lambda meter: meter != 2, 1), "it is left alone: waiting for it would be for ever"
    beside = agenda.turn(NOW, lambda meter: meter == 2)
    assert beside is not None
    agenda.add([job(2)])
    assert not agenda.live_waits(NOW, anyone, 1), "it has its turn beside"
    agenda.add([job(1)])
    assert agenda.live_waits(NOW, anyone, 1), "its own live work goes before its recovery"


def test_records_are_collected_many_slots_together() -> None:
    plan = Plan(
        "curve", Every(900), kind=Kind.RECORDS, collect=Every(4 * 3600), delay=timedelta(minutes=5),
        expires=timedelta(hours=2),
    )  # fmt: skip
    jobs = [due(plan, [7], NOW - quarter * timedelta(minutes=15))[0] for quarter in range(3)]
    assert {(one.due, one.expires) for one in jobs[1:]} == {
        (NOW + timedelta(minutes=5), NOW + timedelta(hours=2, minutes=5))
    }
    assert jobs[0].due == NOW + timedelta(hours=4, minutes=5), "a slot that begins with a collection is of the next one"
    usual = Plan("curve", Every(900), kind=Kind.RECORDS, collect=Every(4 * 3600))
    assert usual.open_for == timedelta(hours=4)
    assert usual.over_after == timedelta(hours=8)


def test_due_jobs_of_a_slot() -> None:
    plan = Plan("curve", Every(900), delay=timedelta(seconds=30), expires=timedelta(hours=2))
    (one,) = due(plan, [7], NOW)
    assert (one.due, one.expires) == (NOW + timedelta(seconds=30), NOW + timedelta(minutes=15)), "never past the slot"


def test_quarantine_doubles_to_its_longest_and_one_answer_ends_it() -> None:
    policy = Policy(turns=2, first=timedelta(minutes=1), longest=timedelta(minutes=3))
    standing = GOOD.fell_silent(NOW, policy)
    assert (standing.is_quarantined, standing.may_ask(NOW)) == (False, True)
    pauses = []
    now = NOW
    for _ in range(4):
        standing = standing.fell_silent(now, policy)
        assert not standing.may_ask(now)
        assert standing.fell_silent(now, policy) == standing, "who asked too early does not put the probe off"
        assert standing.until is not None
        assert standing.may_ask(standing.until)
        pauses.append(standing.pause)
        now = standing.until
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 2, 3, 3)]
    assert standing.heard() == Standing()


def test_of_equally_urgent_meters_the_one_that_waited_longest() -> None:
    agenda = Agenda()
    served = []
    for _ in range(3):
        agenda.add(job(meter) for meter in (1, 2, 3, 4))
        for _ in range(3):
            turn = agenda.turn(NOW, anyone)
            assert turn is not None
            agenda.back(turn[0])
            served.append(turn[0])
        agenda.expired(NOW + HOUR)
    assert served == [1, 2, 3, 4, 1, 2, 3, 4, 1]
