"""The configuration's table `[commands]`."""

from __future__ import annotations

import msgspec


class CommandsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`spread`: over how long the switches of one order begin, at random. `settle`: how long a meter may show the old
    state after it said "done"; then it contradicts."""

    spread: str = "10s"
    settle: str = "60s"
