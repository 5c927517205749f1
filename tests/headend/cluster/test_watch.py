"""Who is dead: by renewals and our own clock, never by the time of day."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from headend.cluster.watch import Watch
from storage.leases import Member

ONE = Member(uuid4(), "one", 15.0, 7)
TWO = Member(uuid4(), "two", 5.0, 7)


def test_who_does_not_renew_for_its_own_time_is_dead() -> None:
    watch = Watch(6.0)
    assert [watch.look([ONE, TWO], now) for now in (100.0, 103.0, 104.9)] == [[], [], []]
    assert watch.look([ONE, TWO], 105.0) == [TWO]
    assert watch.look([ONE], 110.0) == []
    assert watch.look([ONE], 115.0) == [ONE]


def test_who_renews_lives() -> None:
    watch = Watch(6.0)
    for second in range(100, 200, 4):
        assert watch.look([replace(TWO, renewals=second)], float(second)) == []


def test_time_in_which_we_did_not_look_does_not_count() -> None:
    watch = Watch(6.0)
    watch.look([ONE], 100.0)
    assert watch.look([ONE], 1000.0) == []
    assert watch.look([ONE], 1005.0) == []
    assert watch.look([ONE], 1010.0) == []
    assert watch.look([ONE], 1015.0) == [ONE]


def test_a_backup_that_was_restored_is_a_change() -> None:
    watch = Watch(20.0)
    watch.look([ONE], 100.0)
    assert watch.look([replace(ONE, renewals=3)], 115.0) == []
    assert watch.look([replace(ONE, renewals=3)], 130.0) == [replace(ONE, renewals=3)]
