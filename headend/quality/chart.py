"""Collection quality as a picture: a PNG, the same bytes for the same report, versions and fonts."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analytics.quality import Quality
from headend.errors import UsageFault
from headend.quality.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST: Final = 100
"""So many groups can be told apart in one picture."""
FONTS: Final = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "PingFang SC")
"""With Chinese characters, the first that is installed."""
_RATES: Final = (("success", "#9db8d9"), ("completeness", "#1f4e8c"))
_DPI: Final = 120


def require() -> None:
    """Raises `UsageFault` where charts cannot be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageFault("charts need matplotlib, which is not installed: pip install 'headend[charts]'") from error


def draw(found: Report, path: Path) -> list[str]:
    """Write the chart to `path`, whole or not at all: by day alone as lines, else a pair of bars a group. Returns what
    somebody should know about it. Raises `UsageFault`, `OSError`."""
    require()
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    if len(found.groups) > MOST:
        raise UsageFault(f"{len(found.groups)} groups are too many for a chart: --worst {MOST} shows the worst")
    by_day = found.by == ("day",)
    there = set(get_font_names())
    with matplotlib.rc_context({"font.family": ["DejaVu Sans", *(name for name in FONTS if name in there)]}):
        height = 4.0 if by_day else 1.6 + 0.32 * max(4, len(found.groups))
        figure = Figure(figsize=(9.0, height), dpi=_DPI, layout="constrained")
        axes = figure.add_subplot()
        (_lines if by_day else _bars)(axes, found.groups)
        axes.set_title(_title(found), fontsize="medium")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12 if by_day else -0.02), ncols=2, frameon=False)
        half = path.with_name(f".{path.name}.part")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            figure.savefig(half, format="png", metadata={"Software": None})
        os.replace(half, path)
    if any("missing from font" in str(warning.message) for warning in said):
        return ["no font that is installed has all characters: install one for Chinese, such as fonts-noto-cjk"]
    return []


def _title(found: Report) -> str:
    total = found.total
    span = f"{found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M}"
    rates = "nothing expected" if not total.expected else f"success {total.success} %, complete {total.completeness} %"
    return f"{span}: {total.expected} expected, {rates}"


def _lines(axes: Axes, groups: tuple[Quality, ...]) -> None:
    days = [_name(group) for group in groups]
    for name, colour in _RATES:
        axes.plot(days, [_rate(group, name) for group in groups], marker="o", label=name, color=colour)
    axes.set_ylabel("%")
    axes.grid(axis="y", alpha=0.3)
    axes.tick_params(axis="x", rotation=45 if len(days) > 7 else 0)


def _bars(axes: Axes, groups: tuple[Quality, ...]) -> None:
    places = list(range(len(groups)))
    for number, (name, colour) in enumerate(_RATES):
        where = [place + 0.38 * number - 0.19 for place in places]
        axes.barh(where, [_rate(group, name) for group in groups], height=0.36, label=name, color=colour)
    axes.set_yticks(places, [_name(group) for group in groups])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("%")
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.grid(axis="x", alpha=0.3)


def _rate(group: Quality, name: str) -> float:
    rate: Any = getattr(group, name)
    return float(rate) if rate is not None else float("nan")


def _name(group: Quality) -> str:
    return " / ".join("-" if part is None else part.replace("$", r"\$") for part in group.key) or "all"
