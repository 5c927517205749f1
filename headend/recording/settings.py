"""The configuration's table `[spool]`."""

from __future__ import annotations

from typing import Final

import msgspec

from headend.duration import seconds

LEAST_BYTES: Final = 1_000_000


class SpoolTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`directory` is relative to the configuration; empty for no spool. `after`: how long the database may be away."""

    directory: str = ""
    bytes: int = 1_000_000_000
    after: str = "2s"


def problems(table: SpoolTable) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    found = []
    if table.bytes < LEAST_BYTES:
        found.append(("bytes", f"{table.bytes}, expected at least {LEAST_BYTES}"))
    try:
        seconds(table.after)
    except ValueError as error:
        found.append(("after", str(error)))
    return found
