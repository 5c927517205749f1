"""The `[wire_log]` table: every byte of the lines, for whoever has to prove what was said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

_LEAST: Final = 4096


class WireLogTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`directory` is relative to the configuration, empty for none; a file of more than `bytes` is put aside, of which
    `keep` are kept; `lines`: of these alone, of all where it is empty."""

    directory: str = ""
    bytes: int = 10_000_000
    keep: int = 5
    lines: list[str] = []


def problems(table: WireLogTable) -> Iterator[tuple[str, str]]:
    """What types cannot say: key, and what was expected."""
    if table.bytes < _LEAST:
        yield "bytes", f"{table.bytes}, expected at least {_LEAST}"
    if table.keep < 1:
        yield "keep", f"{table.keep}, expected at least 1"
