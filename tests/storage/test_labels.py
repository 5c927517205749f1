"""Labels are never overwritten: a run supersedes what it judged, and every moment can be asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from storage.errors import NotFound, Rejected
from storage.labels import LabelRun, Labels, NewLabel
from storage.privacy import Points
from storage.registry import Registry
from tests.storage.captures import T0
from tests.storage.test_topology import NETWORK

DAY = timedelta(days=1)


def given(point: str, value: str, expires: datetime = T0 + 30 * DAY, label: str = "base_load") -> NewLabel:
    return NewLabel(
        point=point, label=label, value=value, rule=label, version="1", evidence={"days": "14"}, expires=expires
    )


FIRST = LabelRun(
    valid_from=T0, version="1", actor="li", source={"from": "2026-01-01"},
    judged={"base_load": ["p1", "p2"], "pv_owner": ["p2"]},
    labels=[given("p1", "80"), given("p2", "120"), given("p2", "likely", label="pv_owner")],
)  # fmt: skip


async def test_a_run_supersedes_what_it_judged_and_keeps_it(database: str) -> None:
    async with Registry(database) as registry, Labels(database) as labels:
        await registry.add(NETWORK)
        first = await labels.keep(FIRST)
        later = T0 + 10 * DAY
        again = given("p1", "95", later + 30 * DAY)
        second = await labels.keep(
            LabelRun(valid_from=later, version="1", judged={"base_load": ["p1"], "pv_owner": ["p2"]}, labels=[again])
        )

        async def held(at: datetime) -> list[tuple[str, str, str]]:
            return [(one.point, one.label, one.value) for one in await labels.current(None, at)]

        everything = [("p1", "base_load", "80"), ("p2", "base_load", "120"), ("p2", "pv_owner", "likely")]
        assert await held(T0 - DAY) == []
        assert await held(T0) == everything
        assert await held(later - timedelta(microseconds=1)) == everything
        assert await held(later) == [("p1", "base_load", "95"), ("p2", "base_load", "120")]
        assert await held(T0 + 30 * DAY) == [("p1", "base_load", "95")], "p2's expired"
        assert await labels.current(["p2"], T0, ["base_load"]) == [(await labels.history("p2"))[0]]
        old, new = await labels.history("p1")
        assert (old.value, old.superseded, old.run, old.evidence) == ("80", later, first, {"days": "14"})
        assert (new.value, new.superseded, new.run) == ("95", None, second)
        assert [(run.id, run.actor, run.source) for run in await labels.runs()] == [
            (second, "", {}),
            (first, "li", {"from": "2026-01-01"}),
        ]


async def test_the_same_moment_again_takes_the_others_place(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Labels(plain_database) as labels:
        await registry.add(NETWORK)
        await labels.keep(FIRST)
        await labels.keep(replace(FIRST, labels=[given("p1", "81")]))
        assert [(one.point, one.value) for one in await labels.current(None, T0)] == [("p1", "81")]
        assert [(one.value, one.superseded) for one in await labels.history("p1")] == [("80", T0), ("81", None)]


async def test_a_point_that_is_forgotten_has_none(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Labels(plain_database) as labels, Points(plain_database) as points:
        await registry.add(NETWORK)
        await labels.keep(FIRST)
        await points.forget("p2", "li", "asked for", zone=ZoneInfo("UTC"))
        assert await labels.history("p2") == []
        assert [one.point for one in await labels.current(None, T0)] == ["p1"]


async def test_what_does_not_fit_is_refused_as_a_whole(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Labels(plain_database) as labels:
        await registry.add(NETWORK)
        await labels.keep(FIRST)
        later = T0 + DAY
        with pytest.raises(NotFound, match="p9"):
            await labels.keep(LabelRun(valid_from=later, version="1", judged={"base_load": ["p1", "p9"]}))
        with pytest.raises(Rejected, match="not judged"):
            await labels.keep(LabelRun(valid_from=later, version="1", labels=[given("p1", "1")]))
        with pytest.raises(Rejected, match="begins earlier"):
            await labels.keep(replace(FIRST, valid_from=T0 - DAY))
        with pytest.raises(Rejected):
            await labels.keep(replace(FIRST, valid_from=later, labels=[given("p1", "1", expires=later)]))
        assert len(await labels.runs()) == 1
        assert len(await labels.current(None, later)) == 3
