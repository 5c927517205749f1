"""What a case shows to the eye: a meter's days, and the balance of its area, as PNG files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from headend.quality.chart import FONTS, require

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

_DPI: Final = 110
Floats = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """A meter and its area, (day, slot) of Wh; `lacking` is what the area was supplied with and its members did not
    report, `others` the usual member's day in units of its own mean. `since`: the first suspicious day."""

    meter: str
    days: NDArray[np.datetime64]
    own: Floats
    others: NDArray[Any]
    supplied: Floats | None
    lacking: Floats | None
    since: np.datetime64 | None


def draw(picture: Picture, folder: Path) -> list[Path]:
    """`days.png`, and `balance.png` where the area has a total meter. Raises `UsageFault`, `OSError`."""
    require()
    made = [_saved(lambda figure: _days(figure, picture), folder / "days.png")]
    if picture.lacking is not None:
        made.append(_saved(lambda figure: _balance(figure, picture), folder / "balance.png"))
    return made


def _saved(fill: Callable[[Figure], None], path: Path) -> Path:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    with matplotlib.rc_context({"font.family": ["DejaVu Sans", *(name for name in FONTS if name in there)]}):
        figure = Figure(figsize=(10.0, 6.0), dpi=_DPI, layout="constrained")
        fill(figure)
        half = path.with_name(f".{path.name}.part")
        figure.savefig(half, format="png", metadata={"Software": None})
        os.replace(half, path)
    return path


def _days(figure: Figure, picture: Picture) -> None:
    above, below = figure.subplots(2, 1, sharex=True)
    dates = picture.days.astype("datetime64[D]").astype("O")
    own = _daily(picture.own) / 1000
    level = float(np.nanmean(own)) if np.isfinite(own).any() else 0.0
    above.plot(dates, own, color="#1f4e8c", label=picture.meter.replace("$", r"\$"))
    above.plot(dates, picture.others * level, color="#999999", linewidth=1, label="as others, scaled to its mean")
    above.set_ylabel("kWh a day")
    above.legend(frameon=False, fontsize="small")
    above.grid(alpha=0.3)
    image = below.imshow(
        picture.own.T, aspect="auto", origin="lower", interpolation="none", cmap="viridis",
        extent=(_number(dates[0]) - 0.5, _number(dates[-1]) + 0.5, 0.0, 24.0),
    )  # fmt: skip
    below.xaxis_date()
    below.set_ylabel("hour")
    figure.colorbar(image, ax=below, label="Wh an interval")
    _mark((above, below), picture.since)
    below.tick_params(axis="x", rotation=30)


def _balance(figure: Figure, picture: Picture) -> None:
    assert picture.lacking is not None
    assert picture.supplied is not None
    above, below = figure.subplots(2, 1)
    dates = picture.days.astype("datetime64[D]").astype("O")
    lacking, supplied = _daily(picture.lacking), _daily(picture.supplied)
    with np.errstate(invalid="ignore", divide="ignore"):
        above.plot(dates, 100 * lacking / supplied, color="#b3532b")
    above.set_ylabel("not reported, % of supply")
    above.set_title("area: what came in and no member reported (technical loss is in it)", fontsize="medium")
    above.grid(alpha=0.3)
    above.tick_params(axis="x", rotation=30)
    _mark((above,), picture.since)
    both = np.isfinite(picture.own) & np.isfinite(picture.lacking)
    since = np.zeros(both.shape, np.bool_) if picture.since is None else (picture.days >= picture.since)[:, None] & both
    for chosen, colour, label in ((both & ~since, "#999999", "before"), (since, "#b3532b", "since then")):
        if chosen.any():
            below.scatter(picture.own[chosen], picture.lacking[chosen], s=4, alpha=0.35, color=colour, label=label)
    below.set_xlabel("Wh an interval, reported by the meter")
    below.set_ylabel("Wh not reported in the area")
    below.legend(frameon=False, fontsize="small")
    below.grid(alpha=0.3)


def _daily(cells: Floats) -> Floats:
    """Sums of days, NaN where more than a tenth is missing."""
    known = np.isfinite(cells)
    share = known.mean(axis=1)
    total = np.where(known, cells, 0).sum(axis=1)
    return np.where(share >= 0.9, total / np.maximum(share, 0.9), np.nan)


def _mark(panels: tuple[Any, ...], since: np.datetime64 | None) -> None:
    if since is None:
        return
    for axes in panels:
        axes.axvline(_number(since.astype("datetime64[D]").astype("O")) - 0.5, color="black", linestyle=":")


def _number(day: Any) -> float:
    from matplotlib.dates import date2num

    return float(date2num(day))  # type: ignore[no-untyped-call]
