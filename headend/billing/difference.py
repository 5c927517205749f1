"""What two versions of a bill differ by: line by line, read by read; on the bills as they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from analytics.billing.exact import plain

Table = Mapping[str, Any]


def difference(old: Sequence[Table], new: Sequence[Table], reads: tuple[Sequence[Table], Sequence[Table]]) -> Table:
    """`old`, `new`: lines; `reads`: registers before and after. As JSON holds it."""
    changed = [
        {
            "id": name, "label": (after or before or {})["label"], "rule": rule, "from": since,
            "before": before and _line(before), "after": after and _line(after),
            "amount": plain(_amount(after) - _amount(before)),
        }
        for (name, rule, since), before, after in _pairs(old, new, ("id", "rule", "from"))
        if before is None or after is None or _line(before) != _line(after)
    ]  # fmt: skip
    moved = [
        {
            "meter": meter, "register": register, "from": since, "before": before and _read(before),
            "after": after and _read(after),
        }
        for (meter, register, since), before, after in _pairs(*reads, ("meter", "register", "from"))
        if before is None or after is None or _read(before) != _read(after)
    ]  # fmt: skip
    total = sum((_amount(line) for line in new), Decimal(0)) - sum((_amount(line) for line in old), Decimal(0))
    return {"amount": plain(total), "lines": changed, "registers": moved}


def _line(line: Table) -> dict[str, str]:
    return {key: line[key] for key in ("quantity", "unit", "price", "amount", "formula")}


def _read(use: Table) -> dict[str, Any]:
    return {
        "start": use["start"], "stop": use["stop"], "multiplier": use["multiplier"], "energy": use["energy"],
    }  # fmt: skip


def _amount(line: Table | None) -> Decimal:
    return Decimal(line["amount"]) if line is not None and line["post"] == "bill" else Decimal(0)


def _pairs(
    old: Sequence[Table], new: Sequence[Table], keys: tuple[str, ...]
) -> Iterable[tuple[tuple[str, ...], Table | None, Table | None]]:
    """Those of one key side by side, in the order of the old, then of the new."""

    def key(one: Table) -> tuple[str, ...]:
        return tuple(one[name] for name in keys)

    order = dict.fromkeys([*map(key, old), *map(key, new)])
    grouped = [{which: list(own) for which, own in groupby(sorted(side, key=key), key=key)} for side in (old, new)]
    for which in order:
        before, after = (side.get(which, []) for side in grouped)
        for number in range(max(len(before), len(after))):
            yield (
                which,
                before[number] if number < len(before) else None,
                after[number] if number < len(after) else None,
            )
