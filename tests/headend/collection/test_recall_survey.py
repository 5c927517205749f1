"""One meter asked for missing moments: what is refused is planned anew, what is not answered stays open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headend.collection.line import Line
from headend.collection.recall_survey import NO_MEMORY, NOT_KEPT, NOT_YET, RecallSurvey, recall
from headend.collection.survey import MeterPath
from protocols.dlt645.items import item
from protocols.errors import BadAnswer, CommunicationError, NoAnswer, Refused
from protocols.model import Quality, Quantity, Value
from protocols.quantities import BY_NAME
from protocols.recall import Recalled, RecallPlan, Remembered, Wanted
from tests.headend.bus import Bus, data, path
from tests.headend.conftest import Plug
from tests.headend.plant import MODEL, TIMING
from tests.headend.virtual_time import virtually

IMPORT, VOLTAGE, T1 = (BY_NAME[name] for name in ("active_energy_import", "voltage_l1", "active_energy_import_t1"))
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = [NOW - timedelta(hours=n) for n in (1, 2, 3)]
NOTHING = Recalled()
NO_DATA, DENIED = Refused("02", "no requested data"), Refused("04", "password wrong")


@dataclass(frozen=True)
class Read:
    """`answer` is what the conversation ends with."""

    kind: str
    moments: tuple[datetime, ...]
    quantities: tuple[Quantity, ...] = (IMPORT,)
    answer: Recalled | CommunicationError = NOTHING
    label: str = ""
    cost: int = 1

    def exchange(self, _address: str, _wire: Any) -> Iterator[Any]:
        if isinstance(self.answer, CommunicationError):
            raise self.answer
        return self.answer  # type: ignore[return-value]
        yield  # a conversation that asks nothing


@dataclass
class Kind:
    """A model whose plans are stated: one after the other, the last again."""

    plans: list[Sequence[Read]]
    beyond: dict[datetime, frozenset[Quantity]] = field(default_factory=dict)
    asked: list[tuple[dict[datetime, set[Quantity]], set[str]]] = field(default_factory=list)

    def recall(self, wanted: Wanted, _zone: object, _now: datetime, without: Collection[str]) -> RecallPlan:
        self.asked.append(({moment: set(q) for moment, q in wanted.items()}, set(without)))
        reads = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        return RecallPlan(tuple(reads), self.beyond)  # type: ignore[arg-type]


def kept(moment: datetime, quantity: Quantity = IMPORT, number: int = 5) -> Remembered:
    part = item("00010000").parts[0][0]._replace(quantity=quantity)
    return Remembered(moment, (Value(part, number, None, Quality.GOOD),))


class Silence:
    """A line that is never opened: conversations of these tests ask nothing."""

    def __init__(self) -> None:
        self.line = Line(path("nowhere"), TIMING)
        self.line.run = self._run  # type: ignore[method-assign]

    async def _run(self, exchange: Any, meter: str | None = None) -> Any:
        try:
            next(exchange)
        except StopIteration as ended:
            return ended.value
        raise AssertionError("it asked")


async def recalled(kind: Kind, wanted: Wanted, **more: Any) -> RecallSurvey:
    meter = replace(MeterPath(1, "m1", "1", MODEL), model=kind)  # type: ignore[arg-type]
    return await recall(Silence().line, meter, wanted, lambda: NOW, **more)


def wanting(moments: Sequence[datetime]) -> Wanted:
    return dict.fromkeys(moments, (IMPORT,))


def misses(told: RecallSurvey) -> dict[datetime, tuple[str, bool]]:
    return {miss.time: (miss.reason, miss.final) for miss in told.misses}


async def test_what_came_what_is_absent_and_what_may_come() -> None:
    answer = Recalled((kept(HOURS[0]),), (HOURS[1],))
    told = await recalled(Kind([[Read("load", tuple(HOURS), answer=answer)]]), wanting(HOURS))
    assert [capture.time for capture in told.captures] == [HOURS[0]]
    assert misses(told) == {HOURS[1]: (NOT_KEPT, True), HOURS[2]: (NOT_YET, False)}
    assert told.heard
    assert told.kept == {"load"}


async def test_a_record_without_a_wanted_value_is_final() -> None:
    answer = Recalled((kept(HOURS[0]),))
    read = Read("load", (HOURS[0],), (IMPORT, T1), answer)
    told = await recalled(Kind([[read]]), {HOURS[0]: {IMPORT, T1}})
    assert told.given == {(HOURS[0], IMPORT)}
    assert misses(told) == {HOURS[0]: (NOT_KEPT, True)}


async def test_a_refused_memory_is_left_out_and_planned_anew() -> None:
    kind = Kind(
        [
            [Read("load", (HOURS[0], HOURS[1]), answer=NO_DATA)],
            [Read("freeze", (HOURS[0],), answer=Recalled((kept(HOURS[0]),)))],
        ]
    )
    told = await recalled(kind, wanting(HOURS[:2]))
    assert [without for _, without in kind.asked] == [set(), {"load"}]
    assert told.refused == {"load"}
    assert [capture.time for capture in told.captures] == [HOURS[0]]
    assert told.misses == [], "what no plan asked for is neither captured nor missed"
    assert IMPORT not in told.reasons[HOURS[1]]


@pytest.mark.parametrize("known", [(), ("load",)])
async def test_a_memory_that_gave_something_has_nothing_of_what_it_refuses(known: tuple[str, ...]) -> None:
    newest = [] if known else [Read("load", (HOURS[0],), answer=Recalled((kept(HOURS[0]),)))]
    reads = [*newest, Read("load", (HOURS[1],), answer=NO_DATA), Read("load", (HOURS[2],), answer=DENIED)]
    told = await recalled(Kind([reads]), wanting(HOURS[len(known) :]), known=known)
    assert told.refused == set()
    assert misses(told)[HOURS[1]] == (NOT_KEPT, True)
    assert misses(told)[HOURS[2]] == ("refused", False)


async def test_silence_ends_it_and_what_was_not_asked_is_not_missed() -> None:
    silent = NoAnswer("nothing")
    kind = Kind([[Read("load", (HOURS[0],), answer=silent), Read("load", (HOURS[1],))]])
    told = await recalled(kind, wanting(HOURS[:2]))
    assert misses(told) == {HOURS[0]: ("no_answer", False)}
    assert (told.asked, told.heard) == (1, False)


async def test_a_broken_answer_costs_its_own_moments() -> None:
    reads = [
        Read("load", (HOURS[0],), answer=BadAnswer("bad")),
        Read("load", (HOURS[1],), answer=Recalled((kept(HOURS[1]),))),
    ]
    told = await recalled(Kind([reads]), wanting(HOURS[:2]))
    assert {time: final for time, (_, final) in misses(told).items()} == {HOURS[0]: False}
    assert [capture.time for capture in told.captures] == [HOURS[1]]


async def test_it_gives_way_between_two_conversations() -> None:
    reads = [Read("load", (moment,), answer=Recalled((kept(moment),))) for moment in HOURS]
    asked = iter([False, True])
    told = await recalled(Kind([reads]), wanting(HOURS), give_way=lambda: next(asked))
    assert [capture.time for capture in told.captures] == [HOURS[0]]
    assert told.misses == []


async def test_what_no_memory_holds_is_final_at_once() -> None:
    told = await recalled(Kind([[]], {HOURS[0]: frozenset({VOLTAGE})}), {HOURS[0]: {VOLTAGE}})
    assert misses(told) == {HOURS[0]: (NO_MEMORY, True)}
    assert told.asked == 0


@virtually
@pytest.mark.parametrize(
    ("without", "answers"),
    [
        (
            {"freeze_day"},
            {"04000B01": data("04000B01", "01T00"), "01010001": item("01010000").encode([12345, "2026-02-14T10:15"])},
        ),
        (
            {"settlement"},
            {
                "05060001": data("05060001", "2026-03-01T00:00"),
                "05060901": data("05060901", 12345, "2026-02-14T10:15"),
            },
        ),
    ],
)
async def test_a_settled_demand_has_its_time(plug: Plug, without: set[str], answers: dict[str, bytes]) -> None:
    plug("bus", Bus({"000000000001": answers}))
    zone = ZoneInfo("Asia/Shanghai")
    moment, now = (datetime(2026, 3, 1, hour, tzinfo=zone).astimezone(UTC) for hour in (0, 12))
    quantities = [BY_NAME[name] for name in ("active_demand_import_max", "active_demand_import_max_time")]
    line = Line(path("bus"), TIMING)
    meter = MeterPath(1, "m1", "000000000001", MODEL, zone)
    told = await recall(line, meter, {moment: quantities}, lambda: now, without=without)
    await line.close()
    assert (told.misses, told.errors) == ([], [])
    assert [(capture.layout, capture.time, capture.values[0]) for capture in told.captures] == [
        (7, moment, 1234500),
        (9, moment, int(datetime(2026, 2, 14, 10, 15, tzinfo=zone).timestamp())),
    ]
