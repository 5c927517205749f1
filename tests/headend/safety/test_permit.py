"""The permit: the frame that was ordered, once, in time, after the core said yes; and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from headend.safety.command import State
from headend.safety.function import Function
from headend.safety.meaning import Dlt645, Modbus, Wire
from headend.safety.order import Order, Target
from headend.safety.passwords import Change, NewPassword, OneTry
from headend.safety.permit import Claim, OneFrame, Refused, permit_for
from headend.safety.telling import TellTime
from headend.safety.world import Entry, ProtectionList, Step, Stops, World
from protocols.dlt645.address import BROADCAST
from protocols.dlt645.frame import Frame
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.clear import ClearDemand, ClearMeter
from protocols.dlt645.services.clock import SetTime
from protocols.dlt645.services.control import Command
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.service import announce, perform
from protocols.dlt645.services.write import Write
from protocols.errors import NoAnswer, NotPermitted
from protocols.exchange import Ask, Exchange
from protocols.modbus.pdu import WriteRegister
from protocols.modbus.wire import RtuWire, TcpWire
from protocols.modbus.writes import Safety
from tests.headend.safety.frames import SECRET, control
from tests.headend.safety.site import METERS, NOW, asked, order, world
from tests.headend.safety.write_points import RELAY, parameter
from tests.protocols.dlt645.peer import QUICK, peer

WHOM = METERS[0]


def permit(
    what: Order | None = None,
    wire: Wire | None = None,
    *,
    look: Callable[[], World] | None = None,
    clock: Callable[[], float] = lambda: 10.0,
) -> OneFrame:
    what = order() if what is None else what
    known = world(what, State.SENT, "mine")
    return permit_for(
        asked(Step.SEND, what),
        Claim("mine"),
        Dlt645() if wire is None else wire,
        deadline=11.0,
        monotonic=clock,
        look=(lambda: known) if look is None else look,
    )


def test_the_ordered_frame_goes_once() -> None:
    one = permit()
    one(control(order(), WHOM))
    with pytest.raises(NotPermitted, match="was used"):
        one(control(order(), WHOM))


@pytest.mark.parametrize(
    ("function", "command"),
    [
        (Function.TRIP, Command.TRIP),
        (Function.CLOSE, Command.CLOSE),
        (Function.PERMIT_CLOSE, Command.PERMIT_CLOSE),
        (Function.ALARM, Command.ALARM),
        (Function.ALARM_OFF, Command.ALARM_OFF),
        (Function.PROTECT, Command.PROTECT),
        (Function.UNPROTECT, Command.UNPROTECT),
    ],
)
def test_each_function_is_its_own_command_and_no_other(function: Function, command: Command) -> None:
    what = order(function)
    permit(what)(control(what, WHOM, command))
    for other in Command:
        if other is not command:
            with pytest.raises(NotPermitted):
                permit(what)(control(what, WHOM, other))


WRONG: tuple[Ask[Any], ...] = (
    control(order(), METERS[1]),
    control(order(), WHOM, until="2026-11-24T11:00:01"),
    control(order(), WHOM, until="000000000000"),
    control(order(), WHOM, operator="00000001"),
    control(order(), WHOM, n2=1),
    next(perform(WHOM.address, Ordered(Opaque(0x1C, bytes(20)), Access(0x98)))),
    next(perform(WHOM.address, Ordered(ClearMeter(), SECRET))),
    next(perform(WHOM.address, Ordered(Write("04001001", b"\x00"), SECRET))),
    next(perform(WHOM.address, Freeze())),
    replace(control(order(), WHOM), data=control(order(), WHOM).data * 2),
    replace(control(order(), WHOM), data=control(order(), WHOM).data[:-1]),
    replace(control(order(), WHOM), data=b""),
    replace(control(order(), WHOM), repeatable=True),
)


@pytest.mark.parametrize("ask", WRONG, ids=[f"{number}" for number in range(len(WRONG))])
def test_anything_else_is_refused_and_ends_the_permit(ask: Ask[Any]) -> None:
    one = permit()
    with pytest.raises(NotPermitted) as raised:
        one(ask)
    assert "123456" not in str(raised.value)
    assert "45 67 89" not in str(raised.value)
    with pytest.raises(NotPermitted, match="was used"):
        one(control(order(), WHOM))


def test_other_services_are_known_by_what_they_do() -> None:
    freeze, clear = order(Function.FREEZE), order(Function.RESET_DEMAND, parameters=(("operator", "00000007"),))
    permit(freeze)(next(perform(WHOM.address, Freeze())))
    permit(clear)(next(perform(WHOM.address, Ordered(ClearDemand("00000007"), SECRET))))
    for what, request in ((freeze, Freeze(0, 0)), (clear, Ordered(ClearDemand(), SECRET))):
        with pytest.raises(NotPermitted):
            permit(what)(next(perform(WHOM.address, request)))
    again = order(Function.TRIP_RECLOSE, parameters=(("n2", "5"),))
    permit(again)(control(again, WHOM, Command.TRIP_RECLOSE, n2=5))
    for what in (order(Function.TRIP_RECLOSE), order(Function.LIMIT_LOAD), order(parameters=(("speed", "1"),))):
        with pytest.raises(NotPermitted):
            permit(what)(control(what, WHOM))


OLD, NEW = SECRET, Access(2, b"\x65\x43\x21")


def change(old: Access = OLD, new: Access = NEW, target: Target = WHOM) -> Ask[Any]:
    return next(perform(target.address, ChangePassword(old, new)))


def test_s14_a_password_is_changed_from_and_to_those_of_the_safe_alone() -> None:
    what = order(Function.CHANGE_PASSWORD)
    wire = NewPassword(Change(OLD, NEW))
    permit(what, wire)(change())
    other = Access(2, b"\x01\x02\x03")
    for wrong in (
        change(NEW, OLD),
        change(OLD, other),
        change(other, NEW),
        change(NEW, NEW),
        change(target=METERS[1]),
        next(perform(WHOM.address, Ordered(Write("04000C03", NEW.wire), OLD))),
        replace(change(), data=change().data * 2),
    ):
        with pytest.raises(NotPermitted) as raised:
            permit(what, wire)(wrong)
        assert "654321" not in str(raised.value).replace(" ", "")
    with pytest.raises(NotPermitted, match="no frame in DL/T 645"):
        permit(what)(change())
    told = order(Function.CHANGE_PASSWORD, parameters=(("operator", "00000007"),))
    with pytest.raises(NotPermitted, match="such parameters"):
        permit(told, wire)(change())
    for function in (Function.TRIP, Function.FREEZE):
        with pytest.raises(NotPermitted):
            permit(order(function), wire)(change())


def test_s14_a_try_changes_nothing_and_goes_once() -> None:
    one = OneTry(WHOM, NEW)
    one(change(NEW, NEW))
    assert one.frame == change(NEW, NEW).data
    with pytest.raises(NotPermitted, match="was used"):
        one(change(NEW, NEW))
    for wrong in (
        change(),
        change(OLD, OLD),
        change(NEW, OLD),
        change(NEW, NEW, METERS[1]),
        control(order(), WHOM),
        replace(change(NEW, NEW), repeatable=True),
        replace(change(NEW, NEW), data=b""),
    ):
        refusing = OneTry(WHOM, NEW)
        with pytest.raises(NotPermitted):
            refusing(wrong)
        assert not refusing.frame
        with pytest.raises(NotPermitted, match="was used"):
            refusing(change(NEW, NEW))


def test_the_time_is_told_to_that_meter_alone_and_is_right_when_it_is_heard() -> None:
    """NOW is 10:00:00 in Shanghai; the frame takes half a second, and a minute is left for tomorrow."""
    what = order(Function.SET_TIME)

    def say(time: str, address: str = WHOM.address) -> Ask[Any]:
        return next(announce(SetTime(f"2026-11-24T{time}"), address))

    def asks(ask: Ask[Any], left: int = 0, of: Order = what) -> None:
        wire = TellTime(lambda: NOW, timedelta(seconds=0.5), timedelta(seconds=left))
        permit(of, wire=wire)(ask)

    asks(say("10:00:00"))
    asks(say("10:00:01"))
    asks(say("10:01:00"), left=60)
    right = say("10:00:00")
    for ask in (
        say("10:00:02"), say("09:59:59"), say("10:00:00", METERS[1].address), say("10:00:00", BROADCAST),
        next(announce(Freeze(), WHOM.address)), replace(right, data=right.data * 2), replace(right, data=b""),
        replace(right, repeatable=True),
    ):  # fmt: skip
        with pytest.raises(NotPermitted):
            asks(ask)
    with pytest.raises(NotPermitted):
        asks(right, left=60)
    with pytest.raises(NotPermitted):
        asks(right, of=order(Function.FREEZE))


def test_after_its_deadline_it_is_nothing() -> None:
    with pytest.raises(NotPermitted, match="is over"):
        permit(clock=lambda: 11.0)(control(order(), WHOM))
    times = iter((10.9, 11.1))
    with pytest.raises(NotPermitted, match="took too long"):
        permit(clock=lambda: next(times))(control(order(), WHOM))


@pytest.mark.parametrize(
    "then",
    [
        {"protection": ProtectionList((Entry("life support", point="p1"),), NOW)},
        {"protection": None},
        {"stops": Stops(everywhere=True)},
        {"now": order().expires},
    ],
    ids=lambda then: next(iter(then)),
)
def test_the_last_look_is_at_what_is_so_then(then: dict[str, Any]) -> None:
    before = world(order(), State.SENT, "mine")
    looks = iter((before, replace(before, **then)))
    one = permit(look=lambda: next(looks))
    with pytest.raises(Refused) as raised:
        one(control(order(), WHOM))
    assert raised.value.decision.reasons


def test_without_a_yes_and_a_claim_there_is_none() -> None:
    what = order()
    known = world(what, State.RELEASED)
    with pytest.raises(Refused):
        permit(look=lambda: world(what, State.SENT, "another"))
    spent = Claim("mine")
    spent.spent = True
    send, release = asked(Step.SEND, what), asked(Step.RELEASE, what)
    for request, claim in ((send, Claim("")), (send, spent), (release, Claim("mine"))):
        with pytest.raises(NotPermitted, match="claimed"):
            permit_for(request, claim, Dlt645(), deadline=1, monotonic=lambda: 0.0, look=lambda: known)


def test_a_claim_is_good_for_one_permit() -> None:
    known = world(order(), State.SENT, "mine")
    claim = Claim("mine")
    for _ in range(2):
        with pytest.raises(NotPermitted) if claim.spent else nullcontext():
            permit_for(asked(Step.SEND), claim, Dlt645(), deadline=1, monotonic=lambda: 0.0, look=lambda: known)
    assert claim.spent


@pytest.mark.parametrize("wire", [RtuWire(), TcpWire()], ids=["rtu", "tcp"])
def test_modbus_relays_by_the_words_of_their_model(wire: RtuWire | TcpWire) -> None:
    unit = replace(WHOM, address="7")
    what = order(targets=(unit,))
    known = world(what, State.SENT, "mine", registry={unit.meter: unit})

    def one() -> OneFrame:
        return permit(what, Modbus(wire.framing, RELAY), look=lambda: known)

    one()(wire.ask(7, RELAY.request("trip")))
    for wrong in (
        wire.ask(8, RELAY.request("trip")),
        wire.ask(7, RELAY.request("close")),
        wire.ask(7, WriteRegister(RELAY.register.address + 1, 1)),
    ):
        with pytest.raises(NotPermitted):
            one()(wrong)
    with pytest.raises(NotPermitted):
        one()(replace(wire.ask(7, RELAY.request("trip")), data=b"\x07"))


def test_a_parameter_is_no_way_to_a_relay() -> None:
    unit = replace(WHOM, address="7")
    what = order(Function.WRITE_PARAMETER, targets=(unit,), parameters=(("point", "relay"), ("value", "trip")))
    known = world(what, State.SENT, "mine", registry={unit.meter: unit})
    with pytest.raises(NotPermitted, match="which is relay"):
        permit(what, Modbus("rtu", RELAY), look=lambda: known)(RtuWire().ask(7, RELAY.request("trip")))
    point = parameter("demand_period", Safety.PARAMETER)
    told = replace(what, parameters=(("point", "demand_period"), ("value", "15")))
    known = world(told, State.SENT, "mine", registry={unit.meter: unit})
    with pytest.raises(Refused, match="approvals"):
        permit_for(
            replace(asked(Step.SEND, what), order=told),
            Claim("mine"),
            Modbus("rtu", point),
            deadline=1,
            monotonic=lambda: 0.0,
            look=lambda: known,
        )
    permit(told, Modbus("rtu", point), look=lambda: known)(RtuWire().ask(7, point.request("15")))
    with pytest.raises(NotPermitted):
        permit(told, Modbus("rtu", point), look=lambda: known)(RtuWire().ask(7, point.request("16")))


async def test_a_line_sends_what_the_permit_lets_through_and_not_twice() -> None:
    what = order()
    async with peer(timing=QUICK, permit=permit(what)) as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(_switch(what, Command.CLOSE))
    assert line.asked == []
    async with peer(timing=QUICK, permit=permit(what)) as line:
        with pytest.raises(NoAnswer):
            await line.driver.run(_switch(what, Command.TRIP))
        with pytest.raises(NotPermitted):
            await line.driver.run(_switch(what, Command.TRIP))
    assert line.asked == [control(what, WHOM).data]


def _switch(what: Order, command: Command) -> Exchange[Frame, Frame]:
    return (yield control(what, WHOM, command))
