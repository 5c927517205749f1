"""What is new in a meter's event records, whatever has become of its counter meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.events import LogMark
from protocols.dlt645.items import item
from protocols.errors import BadAnswer, NoAnswer, Refused
from tests.protocols.dlt645.events.journals import POWER, Journal, once, run, silence

T1, T2, T3, T4 = (f"2026-11-2{day}T08:00:00" for day in range(1, 5))
E1, E2, E3, E4 = (f"2026-11-2{day}T09:30:00" for day in range(1, 5))


def test_without_news_one_question_is_asked() -> None:
    journal = Journal((T2, E2), (T1, E1))
    first = once(journal)
    assert [record.start for record in first.records] == [T2, T1]
    assert (first.gap, first.reset, first.mark) == (0, False, LogMark(2, T2))
    again = once(journal, first.mark)
    assert journal.asked == ["03110000"]
    assert (again.records, again.mark) == ((), first.mark)


def test_nothing_ever_happened() -> None:
    reading = once(Journal())
    assert (reading.records, reading.mark) == ((), LogMark(0))


def test_only_new_records_are_read_and_the_known_one_ends_it() -> None:
    journal = Journal((T1, E1))
    mark = once(journal).mark
    journal.happen(T2, E2)
    journal.happen(T3, E3)
    reading = once(journal, mark)
    assert journal.asked == ["03110000", "03110001", "03110002", "03110003"]
    assert [(record.start, record.end) for record in reading.records] == [(T3, E3), (T2, E2)]
    assert (reading.gap, reading.mark) == (0, LogMark(3, T3))


def test_more_happened_than_are_kept() -> None:
    journal = Journal((T1, E1))
    mark = once(journal).mark
    begin = datetime.fromisoformat(T2)
    for number in range(14):
        moment = begin + timedelta(minutes=number)
        journal.happen(moment.isoformat(), (moment + timedelta(seconds=9)).isoformat())
    reading = once(journal, mark)
    assert (len(reading.records), reading.gap) == (10, 4)
    assert reading.mark.count == 15


def test_an_event_without_end_is_one_event_with_an_end_later() -> None:
    journal = Journal((T1, None))
    begun = once(journal)
    assert [(record.start, record.is_open) for record in begun.records] == [(T1, True)]
    assert begun.mark == LogMark(1, T1, T1)
    lasting = once(journal, begun.mark)
    assert (lasting.records, lasting.mark) == ((), begun.mark)
    journal.records[0] = (T1, E1)
    ended = once(journal, lasting.mark)
    assert [(record.start, record.end, record.is_open) for record in ended.records] == [(T1, E1, False)]
    assert ended.mark == LogMark(1, T1)
    assert once(journal, ended.mark).records == ()
    assert journal.asked == ["03110000"]


def test_an_end_comes_with_the_next_event() -> None:
    journal = Journal((T1, None))
    mark = once(journal).mark
    journal.records[0] = (T1, E1)
    journal.happen(T2, None)
    reading = once(journal, mark)
    assert [(record.start, record.end) for record in reading.records] == [(T2, None), (T1, E1)]
    assert (reading.gap, reading.mark, reading.abandoned) == (0, LogMark(2, T2, T2), None)


def test_an_end_that_will_never_be_known() -> None:
    journal = Journal((T1, None))
    mark = once(journal).mark
    journal.records.clear()
    for number in range(10):
        journal.happen(f"2026-11-23T08:00:{number:02}", E3)
    assert once(journal, mark).abandoned == T1


def test_an_event_while_we_read_is_neither_lost_nor_counted_twice() -> None:
    journal = Journal((T1, E1))
    mark = once(journal).mark
    journal.happen(T2, E2)
    journal.after = lambda number: journal.happen(T3, E3) if number == 1 else None
    reading = once(journal, mark)
    assert [record.start for record in reading.records] == [T3, T2]
    assert reading.mark == LogMark(3, T3)
    after = once(journal, reading.mark)
    assert (after.records, after.gap) == ((), 0)


@pytest.mark.parametrize(("before", "after", "gap"), [(999_998, 1, 1), (999_999, 0, 0)])
def test_a_counter_that_rolls_over_goes_on(before: int, after: int, gap: int) -> None:
    journal = Journal((T3, E3), (T2, E2), (T1, E1), count=after)
    reading = once(journal, LogMark(before, T2 if not gap else T1))
    assert reading.reset is False
    assert reading.gap == gap
    assert reading.mark == LogMark(after, T3)


def test_a_counter_that_went_back_begins_anew() -> None:
    journal = Journal((T4, E4), count=1)
    reading = once(journal, LogMark(7, T3))
    assert [record.start for record in reading.records] == [T4]
    assert (reading.reset, reading.gap, reading.mark) == (True, 0, LogMark(1, T4))


def test_a_counter_set_to_nothing_is_a_reset_too() -> None:
    reading = once(Journal(), LogMark(7, T3))
    assert (reading.reset, reading.records, reading.mark.count) == (True, (), 0)


def test_the_counter_grew_without_a_record() -> None:
    reading = once(Journal((T1, E1), count=3), LogMark(1, T1))
    assert (reading.gap, reading.records, reading.mark) == (2, (), LogMark(3, T1))


@pytest.mark.parametrize("nothing", [0x02, b""])
def test_a_kind_that_a_meter_lacks_is_learnt(nothing: int | bytes) -> None:
    journal = Journal()
    journal.answers["03110000"] = nothing
    assert once(journal).mark.refused == "counter"


def test_a_meter_that_counts_and_keeps_no_records_is_asked_for_the_count_alone() -> None:
    journal = Journal(count=3)
    journal.answers["03110001"] = 0x02
    first = once(journal)
    assert first.mark == LogMark(3, refused="records")
    journal.count = 5
    second = once(journal, first.mark)
    assert (journal.asked, second.gap, second.mark.count) == (["03110000"], 2, 5)


def test_another_refusal_teaches_nothing() -> None:
    journal = Journal()
    journal.answers["03110000"] = 0x04
    with pytest.raises(Refused):
        once(journal)


def test_silence_in_the_middle_keeps_what_came_and_asks_again() -> None:
    journal = Journal((T3, E3), (T2, E2), (T1, E1))
    journal.answers["03110002"] = silence()
    mark = LogMark(1, T1)
    reading = once(journal, mark)
    assert isinstance(reading.error, NoAnswer)
    assert [record.start for record in reading.records] == [T3]
    assert reading.mark == mark
    journal.answers.clear()
    assert [record.start for record in once(journal, reading.mark).records] == [T3, T2]


def test_a_broken_record_does_not_hide_the_others() -> None:
    journal = Journal((T3, E3), (T2, E2), (T1, E1))
    journal.answers["03110001"] = b"\xab" * 12
    reading = once(journal, LogMark(1, T1))
    assert [record.start for record in reading.records] == [T2]
    assert (reading.gap, reading.mark) == (1, LogMark(3, T2))
    assert isinstance(reading.error, BadAnswer | None)


def test_phases_share_a_counter_and_have_marks_of_their_own() -> None:
    from protocols.dlt645.events import LOGS

    logs = [log for log in LOGS["2007"] if log.counter == "03040000"]
    journal = Journal()
    journal.answers["03040000"] = item("03040000").encode([0, 0, 1, 30, 0, 0])
    record = item("03040201")
    journal.answers["03040201"] = record.encode([T1, E1, *([1] * (len(record.parts) - 2))])
    readings = run(journal, {}, logs)
    assert journal.asked == ["03040000", "03040201", "03040202"]
    assert [(r.log.kind.code, r.count, len(r.records)) for r in readings] == [
        ("phase_loss_l1", 0, 0), ("phase_loss_l2", 1, 1), ("phase_loss_l3", 0, 0),
    ]  # fmt: skip
    assert readings[1].records[0].values["voltage_l2_at_start"] == "0.1"


Step = tuple[int, int]


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 12)), max_size=8))
def test_every_event_is_told_once_or_counted_as_a_gap(steps: list[Step]) -> None:
    """Between two readings so many events happen; one may happen behind any answer while we read."""
    journal = Journal()
    second = 0
    told: list[str] = []
    gaps = 0
    mark = once(journal).mark
    for count, meanwhile in steps:

        def happen(many: int) -> None:
            nonlocal second
            for _ in range(many):
                second += 1
                start = (datetime(2026, 1, 1) + timedelta(seconds=2 * second)).isoformat()  # noqa: DTZ001
                journal.happen(start, start)

        happen(count)
        journal.after = lambda number, behind=meanwhile: happen(1) if number == behind else None  # type: ignore[misc]
        reading = once(journal, mark)
        journal.after = lambda _: None
        told += [record.start for record in reading.records]
        gaps += reading.gap
        mark = reading.mark
    reading = once(journal, mark)
    told += [record.start for record in reading.records]
    gaps += reading.gap
    assert len(told) == len(set(told))
    assert len(told) + gaps == second


def test_the_kind_of_the_test_is_the_one_meant() -> None:
    assert POWER.counter == "03110000"
