"""Line loss as a picture: the worst places, and their days."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.lineloss import Place
from analytics.lineloss.words import JUDGED_COVER
from headend.quality.chart import FONTS, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST: Final = 20
_LINES: Final = 6
_DPI: Final = 120
_TECHNICAL, _REST, _LESS = "#9db8d9", "#b3532b", "#3f8f5f"


def draw(places: Sequence[Place], path: Path) -> list[str]:
    """Write the chart of the worst places to `path`, whole or not at all; what somebody should know about it. Raises
    `UsageFault`, `OSError`."""
    require()
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    shown = [place for place in places if place.total("supplied") > 0][:MOST]
    with matplotlib.rc_context({"font.family": ["DejaVu Sans", *(name for name in FONTS if name in there)]}):
        figure = Figure(figsize=(11.0, max(4.0, 1.2 + 0.3 * len(shown) + 2.8)), dpi=_DPI, layout="constrained")
        bars, lines = figure.subplots(2, 1, height_ratios=[max(len(shown), 4), 9])
        _bars(bars, shown)
        _lines(lines, shown[:_LINES])
        half = path.with_name(f".{path.name}.part")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            figure.savefig(half, format="png", metadata={"Software": None})
        os.replace(half, path)
    if any("missing from font" in str(warning.message) for warning in said):
        return ["no font that is installed has all characters: install one for Chinese, such as fonts-noto-cjk"]
    return []


def _bars(axes: Axes, shown: Sequence[Place]) -> None:
    where = np.arange(len(shown))
    supplied = np.array([place.total("supplied") for place in shown])
    technical = np.array([place.total("technical") for place in shown]) / supplied * 100
    rest = np.array([place.total("unexplained") for place in shown]) / supplied * 100
    axes.barh(where, technical, color=_TECHNICAL, label="technical loss (model)")
    axes.barh(where, rest, left=technical, height=0.5, color=[_REST if r > 0 else _LESS for r in rest],
              label="beyond it")  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(where, [place.name.replace("$", r"\$") for place in shown])
    axes.invert_yaxis()
    axes.set_xlabel("% of what was supplied")
    axes.set_title("line loss, the most unexplained energy first", fontsize="medium")
    axes.legend(frameon=False, fontsize="small")
    axes.grid(axis="x", alpha=0.3)


def _lines(axes: Axes, shown: Sequence[Place]) -> None:
    for place in shown:
        days = [day.day.astype("datetime64[D]").astype("O") for day in place.days]
        shares = [
            100 * day.loss / day.supplied if day.supplied > 0 and day.covered >= JUDGED_COVER else float("nan")
            for day in place.days
        ]
        marker = "o" if len(days) < 4 else None
        axes.plot(days, shares, label=place.name.replace("$", r"\$"), linewidth=1.2, marker=marker)
    axes.set_ylabel("loss, % of the day")
    axes.grid(alpha=0.3)
    axes.tick_params(axis="x", rotation=30)
    if shown:
        axes.legend(frameon=False, fontsize="small", ncols=3)
