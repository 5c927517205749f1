"""Whatever is in the files, a scan and a line loss report say something or refuse; nothing crashes them."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.lineloss import Input, Member, line_loss
from analytics.theft import Frame, Settings, scan
from simulators.theft import district, homes

QUICK: Final = Settings(plays=10, rounds=1, areas_per_round=1, trees=3)
NAMES: Final = [f"m{k}" for k in range(8)]
HOURS: Final = np.datetime64("2026-03-25T00:00:00") + np.arange(240) * np.timedelta64(3600, "s")

Table = tuple[list[str], NDArray[Any], NDArray[Any], NDArray[Any]]


def tables() -> dict[str, Table]:
    played = district(homes(8, 10, 24, 3), {2: ("bypass", 4)}, 1)
    meters = played.reported.reshape(8, -1).T.astype(float)
    total = played.total.ravel()[:, None].astype(float)
    rng = np.random.default_rng(0)
    some = np.sort(rng.choice(240, 150, replace=False))
    ragged = HOURS[some] + rng.integers(0, 600, 150).astype("timedelta64[s]")
    mixed = np.concatenate([HOURS[:100], HOURS[100:200:2], HOURS[200:]])
    every_ninth = np.arange(240) % 9 == 0
    return {
        "zeros": (NAMES, HOURS, meters * 0, total),
        "gaps": (NAMES, HOURS, meters * np.nan, total),
        "negative": (NAMES, HOURS, -meters, total),
        "a total of zeros": (NAMES, HOURS, meters, total * 0),
        "a total of gaps": (NAMES, HOURS, meters, total * np.nan),
        "a negative total": (NAMES, HOURS, meters, -total),
        "one row": (NAMES, HOURS[:1], meters[:1], total[:1]),
        "two days": (NAMES, HOURS[:30], meters[:30], total[:30]),
        "one meter": (NAMES[:1], HOURS, meters[:, :1], total),
        "infinite": (NAMES, HOURS, np.where(every_ninth[:, None], np.inf, meters), total),
        "irregular": (NAMES, ragged, meters[some], total[some]),
        "mixed steps": (NAMES, mixed, meters[: len(mixed)], total[: len(mixed)]),
        "twice": (
            NAMES,
            np.append(HOURS, HOURS[5:7]),
            np.vstack([meters, meters[5:7]]),
            np.vstack([total, total[5:7]]),
        ),
        "no time": (NAMES, np.where(every_ninth, np.datetime64("NaT"), HOURS), meters, total),
        "huge": (NAMES, HOURS, meters * 1e30, total * 1e30),
    }


TABLES: Final = tables()


@pytest.mark.parametrize("what", TABLES)
def test_a_scan_scores_every_meter(what: str) -> None:
    names, times, meters, total = TABLES[what]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scan(Frame(names, times, meters), Frame(["A"], times, total), [(m, "A") for m in NAMES], settings=QUICK)
    assert sorted(one.meter for one in found.scores) == sorted(names)
    assert all(0 <= one.score <= 1 and np.isfinite(one.estimated_wh) for one in found.scores)


@pytest.mark.parametrize("what", TABLES)
def test_line_loss_is_finite_and_technical_loss_not_negative(what: str) -> None:
    names, times, meters, total = TABLES[what]
    given = Input(Frame(names, times, meters), Frame(["A"], times, total), [Member(m, "A") for m in NAMES])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (place,) = line_loss(given).places
    for day in place.days:
        assert np.isfinite([day.loss, day.technical, day.estimated]).all()
        assert day.technical >= 0
    if what in ("zeros", "gaps", "negative"):
        assert place.anomalies


def test_nothing_at_all_is_refused() -> None:
    nothing = Frame([], HOURS, np.zeros((240, 0)))
    with pytest.raises(FrameUnusable):
        scan(nothing, settings=QUICK)
    with pytest.raises(FrameUnusable):
        line_loss(Input(nothing, nothing, []))
