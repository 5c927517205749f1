"""The configuration's table `[commands]`."""

from __future__ import annotations

import msgspec

from headend.duration import seconds


class CommandsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`spread`: over how long the switches of one order begin, at random. `settle`: how long a meter may show the old
    state after it said "done"; then it contradicts. `send` false: this daemon sends none."""

    send: bool = True
    spread: str = "10s"
    settle: str = "1m"


def problems(table: CommandsTable) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    found = []
    for key in ("spread", "settle"):
        try:
            seconds(getattr(table, key))
        except ValueError as error:
            found.append((key, str(error)))
    return found
