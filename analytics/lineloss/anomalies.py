"""What is odd about a place over the period, in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.lineloss.steps import steps
from analytics.lineloss.suspects import Suspect
from analytics.lineloss.words import JUDGED_COVER, Anomaly, Day

RATIOS: Final = (2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 25, 30, 40, 50, 60, 80, 100, 120, 160, 200)
"""By which multipliers are usually mistaken: ratios of current transformers to each other."""
_LEAST_STEP: Final = 0.006
_STRANGE_LOSS: Final = (-0.25, 0.4)
_HIGH_LOSS: Final = 0.1


def of_days(days: Sequence[Day]) -> list[Anomaly]:
    """Steps, a loss that is negative or out of all proportion, gaps."""
    judged = [day for day in days if day.covered >= JUDGED_COVER and "estimated" not in day.codes and day.supplied > 0]
    made = []
    uncovered = len([day for day in days if day.covered < JUDGED_COVER])
    if uncovered:
        made.append(Anomaly("no_total", f"the total meter is missing on {uncovered} of {len(days)} days"))
    unread = [day for day in days if "missing_meters" in day.codes]
    if unread:
        most = max(day.missing for day in unread)
        made.append(
            Anomaly("missing_meters", f"meters without any reading on {len(unread)} days, up to {most} of them",
                    day=unread[0].day)
        )  # fmt: skip
    if not judged:
        return made
    supplied = sum(day.supplied for day in judged)
    loss = sum(day.loss for day in judged)
    share = loss / supplied
    below = [day for day in judged if "negative_loss" in day.codes]
    if below and share < 0:
        made.append(Anomaly("negative_loss", f"more was metered than supplied, by {-share:.1%}", energy=loss))
    elif len(below) > 1:
        made.append(Anomaly("negative_loss", f"more was metered than supplied on {len(below)} days", day=below[0].day))
    if not _STRANGE_LOSS[0] < share < _STRANGE_LOSS[1]:
        metered = supplied - loss
        made.append(
            Anomaly("total_multiplier",
                    f"supplied is {supplied / metered:.3g} times what is metered: the total meter's multiplier, or "
                    "members that are not in the list", energy=loss)
            if metered > 0
            else Anomaly("nothing_metered", "the total meter counts and no member does", energy=loss)
        )  # fmt: skip
    elif share > _HIGH_LOSS:
        made.append(Anomaly("high_loss", f"{share:.1%} of what is supplied is lost", energy=loss))
    line = np.array([day.unexplained / day.supplied for day in judged])
    for at, height in steps(line, _LEAST_STEP):
        way = "rises" if height > 0 else "falls"
        since = judged[at].day
        later = sum(day.supplied for day in judged[at:])
        made.append(
            Anomaly("step_change", f"the loss {way} by {abs(height):.1%} of what is supplied on {since}",
                    day=since, energy=height * later)
        )  # fmt: skip
    return made


def of_suspect(one: Suspect, name: str, day: np.datetime64, minutes: int, energy: float, other: str | None) -> Anomaly:
    """What a meter does to the balance of its area. `energy` is what it reported since; `other` is the area that
    lacks it."""
    moved = one.factor * energy
    if one.lag:
        way = "late" if one.lag > 0 else "early"
        text = f"the readings of {name} seem {abs(one.lag) * minutes} min too {way}: its clock"
        return Anomaly("clock_shift", text, name, day)
    if not one.supplied:
        if other:
            text = f"{name} seems to be supplied by {other}, not here, since {day}"
            return Anomaly("wrong_area", text, name, day, moved)
        text = f"the area's supply does not show what {name} reports since {day}: another area's, or not its load"
        return Anomaly("not_supplied_here", text, name, day, moved)
    true = 1 + one.factor
    ratio = _ratio(true, one.error)
    if ratio is not None:
        counts = f"{true:.3g} times" if true > 1 else f"1/{ratio} of"
        text = f"{name} seems to use {counts} what it reports since {day}: multiplier, a dead phase, or theft"
        return Anomaly("multiplier", text, name, day, moved)
    word = "lacks" if one.factor > 0 else "has too much of"
    text = f"the area {word} {abs(one.factor):.0%} of what {name} reports since {day}"
    return Anomaly("follows_meter", text, name, day, moved)


def _ratio(true: float, error: float) -> int | None:
    """The whole number by which a meter errs, up or down, if it is one."""
    if true <= 0:
        return None
    up = true if true > 1 else 1 / true
    nearest = min(RATIOS, key=lambda ratio: abs(ratio - up))
    tolerance = max(0.03 * nearest, min(3 * error * (up / true), 0.1 * nearest))
    return nearest if abs(up - nearest) < tolerance else None
