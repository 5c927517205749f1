"""Each requirement of docs/safety.md that the core can hold alone, by its number."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from headend.safety.command import FINAL, TRANSITIONS, Command, CommandKey, NoTransition, State
from headend.safety.decision import RULES, Verdict, decide
from headend.safety.function import TRAITS, Effect, Function, ReasonCode, Source
from headend.safety.ledger import Dealt, Rows
from headend.safety.order import Approval, binding
from headend.safety.oversight import Change, decide_change
from headend.safety.passwords import InForce
from headend.safety.policy import Cap
from headend.safety.request import Request
from headend.safety.verification import Seen, settled
from headend.safety.world import (
    Clock,
    Entry,
    Holds,
    MeterClock,
    Oversight,
    ProtectionList,
    Recalls,
    Step,
    Stops,
    Weather,
    World,
)
from tests.headend.safety.site import (
    HOUR,
    METERS,
    NOW,
    POLICY,
    USERS,
    WORLD,
    approval,
    asked,
    broken,
    order,
    target,
    told,
    user,
    world,
)

CUTTING = [function for function in Function if TRAITS[function].effect is Effect.CUTS]


def dealt(number: int, state: State = State.VERIFIED, function: Function = Function.TRIP, **more: Any) -> Dealt:
    given: dict[str, Any] = {"source": Source.PERSON, "at": NOW - HOUR / 4, "target": target(100 + number)}
    return Dealt(CommandKey(f"old{number}", f"m{100 + number}"), function, state=state, **(given | more))


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("function", Function)
def test_what_is_in_order_is_allowed(step: Step, function: Function) -> None:
    assert told(step, order(function)).reasons == ()


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize(
    "more",
    [
        {"key": ""},
        {"requester": ""},
        {"reason": None},
        {"not_before": None},
        {"expires": None},
        {"targets": ()},
        {"targets": (replace(METERS[0], point=""),)},
        {"targets": (replace(METERS[0], address="999999999999"),)},
        {"targets": (replace(METERS[0], address="AAAAAAAAAAAA"),)},
    ],
    ids=str,
)
def test_s01_a_missing_field_is_refused(step: Step, more: dict[str, Any]) -> None:
    assert "complete" in broken(step, order(**more))


def test_s01_reason_and_notice_are_proved() -> None:
    assert "reason" in broken(Step.DRAFT, order(notice=""))
    assert "reason" in broken(Step.DRAFT, order(reason=ReasonCode.PAYMENT))
    assert "reason" in broken(Step.DRAFT, order(reason=ReasonCode.MAINTENANCE))
    assert broken(Step.DRAFT, order(reason=ReasonCode.MOVE_OUT, notice="")) == set()


def test_s01_a_meter_stands_in_an_order_once() -> None:
    assert "complete" in broken(Step.DRAFT, order(targets=(METERS[0], METERS[0])))
    assert "complete" in broken(Step.DRAFT, order(targets=(METERS[0], replace(METERS[1], address=METERS[0].address))))
    assert "complete" in broken(Step.DRAFT, order(targets=(METERS[0], replace(METERS[1], address="1"))))


def test_s02_roles_are_by_function_and_area() -> None:
    north = USERS | {"bo": user(Step.APPROVE, Step.RELEASE, areas=["north"])}
    for step in (Step.APPROVE, Step.RELEASE):
        assert "role" in broken(step, order(targets=METERS), users=north)
        assert broken(step, order(targets=METERS[:2]), users=north) == set()
    assert "role" in broken(Step.APPROVE, by="ada")
    assert "role" in broken(Step.RELEASE, by="dee")
    assert "role" in broken(Step.SEND, users={name: user for name, user in USERS.items() if name != "ada"})


def test_s02_nobody_approves_his_own_or_drafts_for_another() -> None:
    own = order(requester="cai")
    assert broken(Step.APPROVE, own, by="cai") == {"not own"}
    assert broken(Step.RELEASE, own, [approval(own, by="cai")]) == {"approved"}
    assert broken(Step.DRAFT, order(), by="cai") == {"requester"}


@pytest.mark.parametrize(
    "edit",
    [
        {"targets": METERS},
        {"targets": METERS[:1]},
        {"targets": (METERS[0], replace(METERS[1], load_w=2001))},
        {"function": Function.TRIP_RECLOSE},
        {"parameters": (("n2", "5"),)},
        {"expires": NOW + 2 * HOUR},
        {"not_before": NOW - 2 * HOUR},
        {"notice": "another letter"},
        {"reason": ReasonCode.MOVE_OUT},
        {"key": "o2"},
        {"source": Source.AUTOMATIC},
    ],
    ids=str,
)
def test_s02_an_edit_after_the_approval_voids_it(edit: dict[str, Any]) -> None:
    before = approval(order())
    after = replace(order(), **edit)
    for step in (Step.RELEASE, Step.SEND):
        assert "approved" in broken(step, after, [before])


def test_s02_the_order_of_a_list_is_no_edit() -> None:
    assert order(targets=METERS[:2]).digest == order(targets=METERS[1::-1]).digest
    utc = order()
    assert utc.expires is not None
    local = replace(utc, expires=utc.expires.astimezone())
    assert local.digest == utc.digest


def test_s02_another_policy_voids_an_approval() -> None:
    assert broken(Step.SEND, policy=replace(POLICY, version="8")) == {"approved"}


def test_s02_the_registry_still_has_it_so() -> None:
    moved = {METERS[0].meter: replace(METERS[0], address="000000000077"), METERS[1].meter: METERS[1]}
    assert broken(Step.SEND, registry=moved) == {"registered"}
    assert broken(Step.SEND, registry={}) == {"registered"}


@pytest.mark.parametrize("function", CUTTING)
def test_s03_who_cuts_needs_another(function: Function) -> None:
    for step in (Step.RELEASE, Step.SEND):
        assert broken(step, order(function), []) == {"approved"}


def test_s03_one_reconnects_and_many_need_another() -> None:
    for function in (Function.CLOSE, Function.PERMIT_CLOSE):
        assert broken(Step.RELEASE, order(function), []) == set()
    many = tuple(target(number) for number in range(1, 7))
    registry = {t.meter: t for t in many}
    clocks = dict.fromkeys(registry, MeterClock.RIGHT)
    bulk = order(Function.CLOSE, targets=many)
    assert broken(Step.RELEASE, bulk, [], registry=registry, meter_clocks=clocks) == {"approved"}
    assert broken(Step.RELEASE, bulk, registry=registry, meter_clocks=clocks) == set()


def test_s03_an_approval_counts_for_a_person_who_still_may() -> None:
    assert broken(Step.SEND, approvals=[approval(order(), by="robot")]) == {"approved"}
    assert broken(Step.SEND, approvals=[approval(order(), by="ada")]) == {"approved"}
    assert broken(Step.SEND, order(), [approval(order(), by="dee")], users=USERS | {"dee": user()}) == {"approved"}


@pytest.mark.parametrize("kind", [Oversight.CAPS, Oversight.UNLIST, Oversight.RELEASE_STOP])
def test_s03_rules_are_loosened_by_two(kind: Oversight) -> None:
    change = Change(kind, "all of it", "bo")
    assert not decide_change(change, WORLD).allowed
    second = Approval("cai", change.bound, NOW, NOW + HOUR)
    assert decide_change(replace(change, approvals=(second,)), WORLD).allowed
    for bad in (replace(second, by="bo"), replace(second, by="robot"), replace(second, expires=NOW)):
        assert not decide_change(replace(change, approvals=(bad,)), WORLD).allowed
    assert not decide_change(replace(change, approvals=(second,), what="more"), WORLD).allowed


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("function", CUTTING)
@pytest.mark.parametrize("entry", [Entry("life support", meter="m1"), Entry("hospital", point="p1")], ids=str)
def test_s04_no_protected_meter_is_cut_at_any_step(step: Step, function: Function, entry: Entry) -> None:
    assert broken(step, order(function), protection=ProtectionList((entry,), NOW)) == {"protected"}


def test_s04_added_between_release_and_sending_it_is_not_sent() -> None:
    what = order()
    released = world(what, State.RELEASED)
    assert decide(asked(Step.SEND, what), released).allowed
    listed = replace(released, protection=ProtectionList((Entry("medical", point="p1", until=NOW + HOUR),), NOW))
    assert not decide(asked(Step.SEND, what), listed).allowed
    assert decide(asked(Step.SEND, what, meter="m2"), listed).allowed


def test_s04_an_entry_ends_and_a_list_goes_stale() -> None:
    over = ProtectionList((Entry("medical", meter="m1", until=NOW),), NOW)
    assert broken(Step.SEND, protection=over) == set()
    for age in (timedelta(minutes=5, seconds=1), timedelta(seconds=-1)):
        assert broken(Step.SEND, protection=ProtectionList((), NOW - age)) == {"protected"}
    assert broken(Step.SEND, order(Function.CLOSE), protection=ProtectionList((), NOW - HOUR)) == set()


def test_s05_over_a_cap_two_persons_are_waited_for() -> None:
    full = Rows([dealt(number, target=target(100 + number, "south", 0)) for number in range(10)])
    decision = told(Step.SEND, ledger=full)
    assert {reason.rule for reason in decision.reasons} == {"caps"}
    assert decision.verdict is Verdict.QUARANTINE
    what = order()
    one = [approval(what, over_caps=True)]
    assert not told(Step.SEND, what, one, ledger=full).allowed
    assert not told(Step.SEND, what, [*one, approval(what, by="dee")], ledger=full).allowed
    assert told(Step.SEND, what, [*one, approval(what, by="dee", over_caps=True)], ledger=full).allowed
    assert told(Step.SEND, ledger=Rows(full.rows[1:])).allowed
    assert told(Step.SEND, ledger=full, now=NOW).reasons[0].row == "S5"


def test_s05_of_a_list_that_is_released_each_counts_and_their_own_rows_do_not() -> None:
    before = Rows([dealt(number, target=target(100 + number, "south", 0)) for number in range(9)])
    assert broken(Step.RELEASE, ledger=before) == {"caps"}
    own = [dealt(0, State.RELEASED, target=METERS[0])]
    own[0] = replace(own[0], key=CommandKey("o1", "m1"))
    assert broken(Step.RELEASE, order(targets=METERS[:1]), ledger=Rows([*before.rows, *own])) == set()


def test_s05_caps_of_areas_load_and_customers() -> None:
    def near(load_w: int | None, area: str = "north") -> Rows:
        return Rows([dealt(1, target=target(101, area, load_w))])

    assert broken(Step.SEND, ledger=near(48_000)) == set()
    assert broken(Step.SEND, ledger=near(48_001)) == {"caps"}
    assert broken(Step.SEND, ledger=near(48_001, "south")) == set()
    assert broken(Step.SEND, customers={"north": 9}) == {"caps"}
    assert broken(Step.SEND, customers={"south": 9}) == {"caps"}


def test_s05_an_unknown_load_counts_as_the_worst() -> None:
    what = order(targets=(replace(METERS[0], load_w=None),))
    assert told(Step.RELEASE, what).allowed
    beside = Rows([dealt(1, target=target(101, load_w=1))])
    assert broken(Step.RELEASE, what, ledger=beside) == {"caps"}
    assert "caps" in broken(Step.RELEASE, order(), ledger=Rows([dealt(1, target=target(101, load_w=None))]))


def test_s05_automatic_sources_have_their_own_cap_and_none_is_no_cap() -> None:
    live = replace(POLICY, automatic_live=True)
    what = order(source=Source.AUTOMATIC, requester="robot", targets=METERS[:1])
    used = [dealt(number, source=Source.AUTOMATIC) for number in range(2)]
    assert broken(Step.SEND, what, policy=live, ledger=Rows(used[:1])) == set()
    assert broken(Step.SEND, what, policy=live, ledger=Rows(used)) == {"caps"}
    assert broken(Step.SEND, order(), ledger=Rows(used)) == set()
    assert broken(Step.SEND, policy=replace(POLICY, caps=POLICY.caps[3:])) == {"caps"}


@pytest.mark.parametrize("function", [Function.TRIP, Function.CLOSE])
def test_s06_both_ways_are_ramped(function: Function) -> None:
    flying = [dealt(number, State.SENT, function, at=NOW - HOUR / 4) for number in range(5)]
    decision = told(Step.SEND, order(function), ledger=Rows(flying))
    assert {reason.rule for reason in decision.reasons} == {"ramp"}
    assert decision.verdict is Verdict.WAIT
    assert broken(Step.SEND, order(function), ledger=Rows(flying[1:])) == set()
    now = dealt(1, function=function, at=NOW - timedelta(seconds=59), target=target(101, load_w=18_001))
    assert broken(Step.SEND, order(function), ledger=Rows([now])) == {"ramp"}
    assert broken(Step.SEND, order(function), ledger=Rows([replace(now, at=NOW - timedelta(seconds=60))])) == set()
    unknown = replace(now, target=replace(now.target, load_w=None))
    assert "ramp" in broken(Step.SEND, order(function), ledger=Rows([unknown]))
    assert broken(Step.SEND, order(function), policy=replace(POLICY, ramps={})) == {"ramp"}


def at(time: datetime, **more: Any) -> set[str]:
    what = order(not_before=time - HOUR, expires=time + HOUR)
    held = [approval(what, at=time - HOUR, expires=time + HOUR)]
    known = {"protection": ProtectionList((), time), "weather": dict.fromkeys(("north",), Weather(False, time))}
    return broken(Step.SEND, what, held, **({"now": time} | known | more))


def test_s07_hours_weekdays_and_holidays_by_the_areas_clock() -> None:
    day = datetime(2026, 11, 24, tzinfo=UTC)
    assert at(day) == at(day + 7.99 * HOUR) == set()
    assert at(day - HOUR / 60) == at(day + 8 * HOUR) == {"window"}
    assert at(day + timedelta(days=3)) == {"window"}  # Friday
    eve = {"holidays": replace(WORLD.holidays, days=frozenset({date(2026, 11, 25)}))}  # type: ignore[type-var]
    assert at(day + HOUR, **eve) == at(day + timedelta(days=1), **eve) == {"window"}
    assert at(day + timedelta(days=2), **eve) == set()


def test_s07_weather_and_what_is_not_known_is_no() -> None:
    there = WORLD.weather or {}
    assert broken(Step.SEND, weather=dict.fromkeys(there, Weather(True, NOW))) == {"weather"}
    assert broken(Step.SEND, weather=dict.fromkeys(there, Weather(False, NOW - 4 * HOUR))) == {"weather"}
    assert broken(Step.SEND, weather={}) == {"weather"}
    assert broken(Step.SEND, zones={}) == {"window"}
    short = replace(WORLD.holidays, last=date(2026, 11, 24))  # type: ignore[type-var]
    assert broken(Step.SEND, holidays=short) == {"window"}
    danger = order(reason=ReasonCode.DANGER)
    assert broken(Step.SEND, danger, holidays=None, weather=None) == set()
    assert broken(Step.SEND, order(Function.CLOSE), holidays=None, weather=None) == set()


@pytest.mark.parametrize("step", Step)
def test_s08_what_expired_goes_nowhere(step: Step) -> None:
    assert broken(step, order(expires=NOW)) == {"expired"}
    assert "expired" in broken(step, order(not_before=NOW + HOUR))
    assert broken(step, order(not_before=NOW - 8 * 24 * HOUR)) == {"expired"}


def test_s08_not_before_its_time_and_not_by_an_old_approval() -> None:
    early = order(not_before=NOW + HOUR / 2)
    assert told(Step.SEND, early).verdict is Verdict.WAIT
    assert told(Step.RELEASE, early).allowed
    assert broken(Step.SEND, order(), [approval(order(), expires=NOW)]) == {"approved"}
    week = POLICY.longest
    assert broken(Step.SEND, order(), [approval(order(), at=NOW - week, expires=NOW + week)]) == {"approved"}


def test_s08_paid_while_queued_is_recalled() -> None:
    paid = Recalls(points=frozenset({"p1"}))
    assert broken(Step.SEND, recalls=paid) == {"recalled"}
    assert told(Step.SEND, recalls=paid, meter="m2").allowed
    assert told(Step.SEND, order(reason=ReasonCode.DANGER), recalls=paid).allowed
    assert told(Step.SEND, order(Function.CLOSE), recalls=paid).allowed
    for step in Step:
        assert broken(step, recalls=Recalls(orders=frozenset({"o1"}))) == {"recalled"}


@pytest.mark.parametrize("state", [state for state in State if state is not State.RELEASED])
def test_s09_nothing_but_a_released_command_is_sent(state: State) -> None:
    what = order()
    for claim in ("", "another"):
        held = "mine" if state is State.SENT else ""
        assert not decide(asked(Step.SEND, what, claim=claim), world(what, state, held)).allowed


def test_s09_only_the_claim_that_was_written_down_sends() -> None:
    what = order()
    assert decide(asked(Step.SEND, what, claim="mine"), world(what, State.SENT, "mine")).allowed
    assert not decide(asked(Step.SEND, what, claim="mine"), world(what, State.SENT, "other node")).allowed
    assert not decide(asked(Step.SEND, what), world(what, State.SENT)).allowed


def test_s09_a_key_is_never_used_for_something_else() -> None:
    first, second = order(), order(targets=METERS[1:])
    for step, state in ((Step.APPROVE, State.DRAFT), (Step.RELEASE, State.APPROVED)):
        assert not decide(asked(step, second), world(first, state)).allowed
    assert not decide(asked(Step.DRAFT, second), world(first, State.VERIFIED)).allowed
    assert not decide(asked(Step.SEND, second, meter="m2"), world(first, State.RELEASED)).allowed


@pytest.mark.parametrize("state", [State.SENT, State.ACKNOWLEDGED, State.UNKNOWN])
def test_s09_no_switch_on_top_of_one_that_nobody_knows_of(state: State) -> None:
    before = dealt(1, state, Function.CLOSE, target=METERS[0])
    assert broken(Step.SEND, ledger=Rows([before])) == {"busy"}
    assert broken(Step.SEND, ledger=Rows([replace(before, state=State.VERIFIED)])) == set()


def test_s09_no_way_leads_back_to_sending() -> None:
    after_sent = {State.SENT}
    while more := {t.after for t in TRANSITIONS if t.before in after_sent} - after_sent:
        after_sent |= more
    assert after_sent.isdisjoint({State.DRAFT, State.APPROVED, State.QUARANTINED, State.RELEASED})
    assert [t for t in TRANSITIONS if t.after is State.SENT] == [
        t for t in TRANSITIONS if t[:2] == ("released", "sent")
    ]
    assert State.UNKNOWN not in FINAL
    command = Command(CommandKey("o", "m"), "d", State.RELEASED)
    sent = command.claimed("mine")
    with pytest.raises(NoTransition):
        sent.claimed("mine")
    with pytest.raises(NoTransition):
        command.to(State.SENT)
    with pytest.raises(NoTransition):
        command.claimed("")


@pytest.mark.parametrize(
    ("function", "before", "seen", "after"),
    [
        (Function.TRIP, State.ACKNOWLEDGED, Seen(relay_open=True), State.VERIFIED),
        (Function.TRIP, State.ACKNOWLEDGED, Seen(relay_open=False), State.CONTRADICTED),
        (Function.TRIP, State.ACKNOWLEDGED, Seen(relay_open=True, power_w=900), State.CONTRADICTED),
        (Function.TRIP, State.ACKNOWLEDGED, Seen(relay_open=True, load_volts=228), State.CONTRADICTED),
        (Function.TRIP, State.ACKNOWLEDGED, Seen(load_volts=4), State.VERIFIED),
        (Function.TRIP, State.ACKNOWLEDGED, Seen(power_w=0), State.UNVERIFIABLE),
        (Function.TRIP, State.ACKNOWLEDGED, Seen(), State.UNVERIFIABLE),
        (Function.TRIP, State.UNKNOWN, Seen(relay_open=True), State.VERIFIED),
        (Function.TRIP, State.UNKNOWN, Seen(relay_open=False), State.UNKNOWN),
        (Function.CLOSE, State.ACKNOWLEDGED, Seen(relay_open=False, load_volts=229), State.VERIFIED),
        (Function.CLOSE, State.ACKNOWLEDGED, Seen(relay_open=False, load_volts=0), State.CONTRADICTED),
        (Function.TRIP_RECLOSE, State.ACKNOWLEDGED, Seen(relay_open=False), State.UNVERIFIABLE),
        (Function.PERMIT_CLOSE, State.ACKNOWLEDGED, Seen(relay_open=True), State.UNVERIFIABLE),
        (Function.PERMIT_CLOSE, State.ACKNOWLEDGED, Seen(relay_open=True, told_to_trip=False), State.VERIFIED),
        (Function.PERMIT_CLOSE, State.ACKNOWLEDGED, Seen(relay_open=True, told_to_trip=True), State.CONTRADICTED),
        (Function.ALARM, State.UNKNOWN, Seen(alarm=True), State.VERIFIED),
        (Function.ALARM_OFF, State.ACKNOWLEDGED, Seen(alarm=True), State.CONTRADICTED),
        (Function.ALARM, State.ACKNOWLEDGED, Seen(relay_open=True), State.UNVERIFIABLE),
        (Function.WRITE_PARAMETER, State.ACKNOWLEDGED, Seen(as_written=True), State.VERIFIED),
        (Function.WRITE_PARAMETER, State.UNKNOWN, Seen(as_written=False), State.UNKNOWN),
        (Function.RESET_DEMAND, State.ACKNOWLEDGED, Seen(as_written=False), State.CONTRADICTED),
        (Function.LIMIT_LOAD, State.ACKNOWLEDGED, Seen(as_written=True, limit_kw=Decimal(5)), State.VERIFIED),
        (Function.RAISE_LIMIT, State.ACKNOWLEDGED, Seen(as_written=False), State.CONTRADICTED),
        (Function.LIMIT_LOAD, State.UNKNOWN, Seen(as_written=False), State.UNKNOWN),
        (Function.LIMIT_LOAD, State.ACKNOWLEDGED, Seen(), State.UNVERIFIABLE),
        (Function.PROTECT, State.ACKNOWLEDGED, Seen(relay_open=False), State.UNVERIFIABLE),
        (Function.PROTECT, State.ACKNOWLEDGED, Seen(kept=True), State.VERIFIED),
        (Function.PROTECT, State.ACKNOWLEDGED, Seen(kept=False), State.UNVERIFIABLE),
        (Function.PROTECT, State.ACKNOWLEDGED, Seen(kept=False, has_kept=True), State.CONTRADICTED),
        (Function.PROTECT, State.UNKNOWN, Seen(kept=False, has_kept=True), State.UNKNOWN),
        (Function.UNPROTECT, State.ACKNOWLEDGED, Seen(kept=False, has_kept=True), State.VERIFIED),
        (Function.UNPROTECT, State.ACKNOWLEDGED, Seen(kept=False), State.UNVERIFIABLE),
        (Function.UNPROTECT, State.ACKNOWLEDGED, Seen(kept=True), State.CONTRADICTED),
        (Function.FREEZE, State.ACKNOWLEDGED, Seen(frozen=("2026-11-24T10:00",)), State.UNVERIFIABLE),
        (Function.CHANGE_PASSWORD, State.ACKNOWLEDGED, Seen(password=InForce.NEW), State.VERIFIED),
        (Function.CHANGE_PASSWORD, State.UNKNOWN, Seen(password=InForce.NEW), State.VERIFIED),
        (Function.CHANGE_PASSWORD, State.ACKNOWLEDGED, Seen(password=InForce.OLD), State.CONTRADICTED),
        (Function.CHANGE_PASSWORD, State.UNKNOWN, Seen(password=InForce.OLD), State.FAILED),
        (Function.CHANGE_PASSWORD, State.UNKNOWN, Seen(password=InForce.NEITHER), State.CONTRADICTED),
        (Function.CHANGE_PASSWORD, State.UNKNOWN, Seen(), State.UNVERIFIABLE),
    ],
)
def test_s10_what_the_meter_shows_settles_it(function: Function, before: State, seen: Seen, after: State) -> None:
    assert settled(before, order(function), seen, NOW) is after
    assert after is before or after in {t.after for t in TRANSITIONS if t.before is before}


_T: Final = tuple(f"2026-11-24T10:0{minute}" for minute in range(10))


@pytest.mark.parametrize(
    ("function", "before", "earlier", "seen", "after"),
    [
        (Function.FREEZE, State.ACKNOWLEDGED, _T[1::-1], _T[2::-1], State.VERIFIED),
        (Function.FREEZE, State.UNKNOWN, _T[1::-1], _T[2::-1], State.VERIFIED),
        (Function.FREEZE, State.ACKNOWLEDGED, (), _T[:1], State.VERIFIED),
        (Function.FREEZE, State.ACKNOWLEDGED, (_T[1], _T[1], _T[0]), (_T[1], _T[1], _T[1]), State.VERIFIED),
        (Function.FREEZE, State.ACKNOWLEDGED, _T[:1], _T[:1], State.CONTRADICTED),
        (Function.FREEZE, State.UNKNOWN, _T[:1], _T[:1], State.UNKNOWN),
        (Function.FREEZE, State.ACKNOWLEDGED, (_T[1],) * 3, (_T[1],) * 3, State.UNVERIFIABLE),
        (Function.FREEZE, State.ACKNOWLEDGED, (), (), State.UNVERIFIABLE),
        (Function.FREEZE, State.ACKNOWLEDGED, None, _T[:1], State.UNVERIFIABLE),
        (Function.FREEZE, State.ACKNOWLEDGED, _T[:1], None, State.UNVERIFIABLE),
    ],
)
def test_s10_a_freeze_is_told_by_what_was_frozen_before(
    function: Function, before: State, earlier: tuple[str, ...] | None, seen: tuple[str, ...] | None, after: State
) -> None:
    assert settled(before, order(function), Seen(frozen=seen), NOW, Seen(frozen=earlier)) is after


@pytest.mark.parametrize(
    ("off", "leave", "shown", "after"),
    [
        (20_000, 0, 300, State.VERIFIED),
        (20_000, 0, 20_400, State.CONTRADICTED),
        (-150_000, -90_000, -90_600, State.VERIFIED),
        (-150_000, -90_000, 0, State.CONTRADICTED),
        (-150_000, -90_000, -150_900, State.CONTRADICTED),
        (20_000, 0, -3_600_000, State.CONTRADICTED),
        (3_000, 0, 100, State.UNVERIFIABLE),
        (20_000, 0, None, State.UNVERIFIABLE),
        (None, None, 0, State.UNVERIFIABLE),
    ],
)
def test_s10_the_time_was_taken_where_the_clock_is_nearer_to_it(
    off: int | None, leave: int | None, shown: int | None, after: State
) -> None:
    earlier, seen = Seen(off_ms=off, unsure_ms=800, leave_ms=leave), Seen(off_ms=shown, unsure_ms=800, leave_ms=0)
    assert settled(State.UNKNOWN, order(Function.SET_TIME), seen, NOW, Seen.of(earlier.told)) is after


def test_s10_a_meter_that_told_of_kept_supply_tells_of_its_end() -> None:
    ended = settled(State.ACKNOWLEDGED, order(Function.UNPROTECT), Seen(kept=False), NOW, Seen(kept=True))
    assert ended is State.VERIFIED


def test_what_was_seen_is_written_down_and_read_again() -> None:
    seen = Seen(True, 4, None, kept=False, frozen=_T[:2], limit_kw=Decimal("5.5000"))
    assert Seen.of(json.loads(json.dumps(seen.told))) == seen
    assert Seen.of({"relay_open": True, "of_a_newer_program": 1}) == Seen(True)


@pytest.mark.parametrize(
    ("function", "kw", "shown", "allowed"),
    [
        (Function.LIMIT_LOAD, "5", "8", True),
        (Function.LIMIT_LOAD, "8", "8.0000", True),
        (Function.LIMIT_LOAD, "8.0001", "8", False),
        (Function.RAISE_LIMIT, "10", "8", True),
        (Function.RAISE_LIMIT, "8", "8", True),
        (Function.RAISE_LIMIT, "7.9999", "8", False),
        (Function.LIMIT_LOAD, "5", "0", True),
        (Function.RAISE_LIMIT, "5", "0", False),
        (Function.RAISE_LIMIT, "5", None, False),
        (Function.LIMIT_LOAD, "5", None, False),
    ],
)
def test_s03_what_is_called_a_raise_does_not_lower_the_limit(
    function: Function, kw: str, shown: str | None, allowed: bool
) -> None:
    what = order(function, parameters=(("kw", kw),))
    limits = {} if shown is None else {"m1": Decimal(shown)}
    assert broken(Step.SEND, what, load_limits=limits) == (set() if allowed else {"limit"})
    assert broken(Step.SEND, what, load_limits=None) == {"limit"}
    for step in (Step.DRAFT, Step.APPROVE, Step.RELEASE):
        assert broken(step, what, load_limits=None) == set(), "the meter is asked just before the frame"


def test_s10_silence_becomes_failure_only_when_the_frame_can_no_longer_arrive() -> None:
    assert settled(State.UNKNOWN, order(), Seen(relay_open=False), NOW + HOUR) is State.FAILED
    with pytest.raises(ValueError, match="nothing is read back"):
        settled(State.SENT, order(), Seen(relay_open=True), NOW)


def test_s11_reconnecting_goes_first_and_needs_less() -> None:
    lanes = {effect: {t.lane for t in TRAITS.values() if t.effect is effect and t.moves} for effect in Effect}
    assert max(lanes[Effect.RESTORES]) < min(lanes[Effect.CUTS])
    full = Rows([dealt(number) for number in range(20)])
    assert broken(Step.SEND, order(Function.CLOSE), [], ledger=full) == set()
    assert broken(Step.SEND, order(Function.PERMIT_CLOSE), [], protection=None) == set()


def test_s12_a_stop_stops_what_is_queued() -> None:
    for stops in (Stops(everywhere=True), Stops(areas=frozenset({"north"}))):
        for step in (Step.APPROVE, Step.RELEASE, Step.SEND):
            assert broken(step, stops=stops) == {"stopped"}
    south = order(targets=METERS[2:])
    assert broken(Step.SEND, south, stops=Stops(areas=frozenset({"north"}))) == set()


def test_s12_one_stops_even_where_nothing_else_is_known() -> None:
    stop = Change(Oversight.STOP, "everywhere", "bo")
    assert decide_change(stop, World(users=USERS)).allowed
    assert not decide_change(replace(stop, by="ada"), World(users=USERS)).allowed
    assert not decide_change(stop, World()).allowed


def test_s13_a_program_proposes_and_nothing_else() -> None:
    what = order(source=Source.AUTOMATIC, requester="robot")
    assert broken(Step.DRAFT, what, by="robot") == set()
    live = replace(POLICY, automatic_live=True)
    for step in (Step.APPROVE, Step.RELEASE, Step.SEND):
        assert "source" in broken(step, what, by="robot", policy=live)
    for step in (Step.RELEASE, Step.SEND):
        assert broken(step, what) == {"source"}
        assert broken(step, what, policy=live) == set()
    close = order(Function.CLOSE, source=Source.AUTOMATIC, requester="robot")
    assert broken(Step.RELEASE, close, [], policy=live) == {"approved"}
    assert "source" in broken(Step.DRAFT, order(requester="robot"), by="robot")


def test_s13_a_score_is_never_enough() -> None:
    assert "score" not in broken(Step.DRAFT, order(reason=ReasonCode.SUSPICION))
    for step in (Step.APPROVE, Step.RELEASE, Step.SEND):
        assert broken(step, order(reason=ReasonCode.SUSPICION)) == {"score"}


@pytest.mark.parametrize("name", ["password", "new_password", "api_key", "Secret", "密码"])
def test_s14_a_secret_does_not_stand_in_an_order(name: str) -> None:
    decision = told(Step.DRAFT, order(parameters=((name, "123456"),)))
    assert {reason.rule for reason in decision.reasons} == {"secret"}
    assert "123456" not in str(decision)


def test_s15_a_decision_is_bound_to_its_order_and_can_be_replayed() -> None:
    request, known = asked(Step.SEND), world(order(), State.RELEASED, stops=Stops(everywhere=True))
    first = decide(request, known)
    assert first == decide(request, known)
    assert first.bound == binding(order(), POLICY.version)


def test_s15_the_canonical_form_stays_as_it_is() -> None:
    """What was approved by an older version of this program is still what it was."""
    assert order().digest == "6d0f6fdc04fc2d5b34d4dc47366ec41534a507a46ef5d1ae75df2db07fb40f6f"


def test_s16_what_the_watch_holds_waits() -> None:
    for holds in (
        Holds({"ada": "new here"}, {}),
        Holds({"bo": "at night"}, {}),
        Holds({}, {"north": "unsolicited trips"}),
    ):
        assert broken(Step.SEND, holds=holds) == {"held"}


def test_s17_a_doubtful_clock_refuses() -> None:
    for step in Step:
        assert broken(step, clock=Clock(False, "not synchronised")) == {"clock"}
        assert "clock" in broken(step, now=NOW - 0.6 * HOUR)
    assert "clock" in broken(Step.SEND, ledger=Rows([dealt(1, at=NOW + timedelta(seconds=1))]))
    for clocks in ({}, {"m1": MeterClock.DOUBTFUL, "m2": MeterClock.RIGHT}):
        assert "meter clock" in broken(Step.SEND, meter_clocks=clocks)
    assert broken(Step.SEND, meter_clocks={"m1": MeterClock.NONE}) == set()


def test_s17_a_clock_that_is_off_is_told_the_time_by_one_that_is_right() -> None:
    what = order(Function.SET_TIME)
    off = dict.fromkeys(("m1", "m2"), MeterClock.DOUBTFUL)
    for step in Step:
        assert broken(step, what, meter_clocks=off) == set()
        assert broken(step, what, clock=Clock(False, "not synchronised")) == {"clock"}
        assert broken(step, what, time_rules={"m1": ("once a day: it was told on 2026-11-24",), "m2": ()}) == {
            "telling"
        }
        assert broken(step, what, time_rules={}) == {"telling"}, "what is not known refuses"
        assert broken(step, order(Function.FREEZE), time_rules=None) == set()


@pytest.mark.parametrize("name", [field.name for field in fields(World)])
def test_s04_what_is_not_known_refuses(name: str) -> None:
    what = order(Function.SET_TIME if name == "time_rules" else Function.LIMIT_LOAD)
    decision = decide(asked(Step.SEND, what), replace(world(what, State.RELEASED), **{name: None}))
    assert decision.verdict is Verdict.REFUSED
    assert any("not known" in reason.why or "never read" in reason.why for reason in decision.reasons)


def test_all_reasons_are_told_not_only_the_first() -> None:
    listed = ProtectionList((Entry("hospital", meter="m1"), Entry("telecom", meter="m2")), NOW)
    decision = told(Step.RELEASE, order(expires=NOW), [], protection=listed, stops=Stops(everywhere=True))
    assert {reason.rule for reason in decision.reasons} == {"protected", "expired", "stopped", "approved"}
    assert [reason.meter for reason in decision.reasons if reason.rule == "protected"] == ["m1", "m2"]
    assert decision.verdict is Verdict.REFUSED


def test_nothing_is_known_and_nothing_is_allowed() -> None:
    for step in Step:
        for function in Function:
            assert not decide(asked(step, order(function)), World()).allowed


def test_every_rule_has_a_test_of_its_row_here() -> None:
    rows = {name[5:8].replace("s0", "s").upper() for name in globals() if name.startswith("test_s")}
    assert {rule.row for rule in RULES} <= rows
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_times_have_zones() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        order(expires=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="without a zone"):
        World(now=NOW.replace(tzinfo=None))


def test_a_cap_that_limits_nothing_is_no_cap() -> None:
    good = Cap("c", Effect.CUTS, HOUR, commands=1)
    wrong: tuple[dict[str, Any], ...] = ({"commands": None}, {"per": "county"}, {"window": timedelta(0)})
    for more in wrong:
        with pytest.raises(ValueError, match="cap 'c'"):
            replace(good, **more)


def test_who_is_not_in_the_order_is_not_sent_to() -> None:
    request = Request(Step.SEND, "bo", order(), (approval(order()),), "m3")
    assert {reason.rule for reason in decide(request, world(order(), State.RELEASED)).reasons} >= {"complete"}
