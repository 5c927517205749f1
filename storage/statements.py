"""Named SQL statements: `queries/TOPIC.sql`, each under a line ``-- name: xyz``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)[ \t]*\n", re.MULTILINE)


@cache
def load(topic: str) -> Mapping[str, bytes]:
    """The statements of one file by name. Raises `ValueError` for a name used twice."""
    text = (resources.files("storage") / "queries" / f"{topic}.sql").read_text(encoding="utf-8")
    return MappingProxyType(parse(text))


def parse(text: str) -> dict[str, bytes]:
    """Name to statement; comment lines between two statements belong to neither."""
    _, *parts = _NAME.split(text)
    found: dict[str, bytes] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in found:
            raise ValueError(f"statement {name} is there twice")
        lines = [line for line in body.splitlines() if not line.startswith("--")]
        found[name] = "\n".join(lines).strip().encode()
    return found
