"""What the counters of disturbances hold, in both editions."""

from __future__ import annotations

from protocols.dlt645.item import Item
from protocols.events import PHASES
from simulators.dlt645.disturbances import COUNTERS, DISTURBANCES, fault_bit, journal_kind
from simulators.dlt645.journal import Journal, Record


def counted(item: Item, held: Journal) -> bytes:
    """Counts, and minutes where the item has them (2007)."""
    kinds = COUNTERS[item.code]
    return item.encode(
        [
            held.count(kinds[part.name])
            if part.name in kinds
            else held.minutes(kinds[part.name.removesuffix("_time") + "_count"])
            for part, _ in item.parts
        ]
    )


def phase_loss_1997(name: str, held: Journal | None) -> int | str | None:
    """A part of B3: a count, minutes, or a moment as it was shown; None for never. The total's moments are those of the
    phase that was lost last."""
    what, _, phase = name.removeprefix("phase_loss_").partition("_")
    kinds = [journal_kind(DISTURBANCES[f"phase_loss_{one}"]) for one in ([phase] if phase else PHASES)]
    if what in ("count", "time"):
        return sum(0 if held is None else held.count(k) if what == "count" else held.minutes(k) for k in kinds)
    records = [record for kind in kinds if held is not None and (record := held.last(kind))]
    moment = max(records, key=_begun).get(what) if records else None
    return None if moment is None else str(moment)


def grid_word_1997(faults: int) -> int:
    """C021 from `Era.faults`."""
    lost = sum(1 << phase for phase in range(3) if faults & fault_bit(f"phase_loss_{PHASES[phase]}"))
    high = sum(1 << phase + 4 for phase in range(3) if faults & fault_bit(f"overvoltage_{PHASES[phase]}"))
    return lost | high


def _begun(record: Record) -> str:
    return str(record["start"])
