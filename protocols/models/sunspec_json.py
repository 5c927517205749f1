"""SunSpec's own model files, where the package pysunspec2 has brought them: read as data, nothing of it is run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from protocols.modbus.sunspec import MEANINGS, Point, built_in

_TYPES: Final = {
    "int16": "s16",
    "uint16": "u16",
    "int32": "s32",
    "uint32": "u32",
    "acc32": "u32",
    "int64": "s64",
    "uint64": "u64",
    "acc64": "u64",
    "float32": "float32",
    "float64": "float64",
}
_SIZES: Final = {
    **dict.fromkeys(("int16", "uint16", "acc16", "enum16", "bitfield16", "raw16", "pad", "sunssf", "count"), 1),
    **dict.fromkeys(("int32", "uint32", "acc32", "enum32", "bitfield32", "float32", "ipaddr"), 2),
    **dict.fromkeys(("int64", "uint64", "acc64", "float64", "bitfield64", "eui48"), 4),
    "ipv6addr": 8,
}


def points(document: Any) -> tuple[Point, ...]:
    """The points of a model's top group that hold numbers. Raises `ValueError` for a document of another shape."""
    try:
        rows = document["group"]["points"]
        offsets: dict[str, int] = {}
        offset = 0
        for row in rows:
            offsets[row["name"]] = offset
            offset += row["size"] if "size" in row else _SIZES[row["type"]]
        return tuple(
            Point(row["name"], offsets[row["name"]], _TYPES[row["type"]], offsets[row["sf"]] if "sf" in row else None)
            for row in rows
            if row["type"] in _TYPES and not isinstance(row.get("sf"), int)
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a SunSpec model: {error!r}") from error


@cache
def points_of(model: int) -> Sequence[Point] | None:
    """Built in, or from pysunspec2 if that is installed; None for a model of neither, or that we know no use for."""
    found = built_in(model)
    if found is not None or model not in MEANINGS:
        return found
    spec = find_spec("sunspec2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "models" / "json" / f"model_{model}.json"
        if path.is_file():
            return points(json.loads(path.read_text(encoding="utf-8")))
    return None
