"""Parameters that several resources take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator, Field

_PLAIN = r"^[^\x00-\x1f]+$"
Name = Annotated[str, Query(min_length=1, max_length=200, pattern=_PLAIN)]
Names = Annotated[list[Name] | None, Query(max_length=1000, description="names of meters (default: all)")]
NamePath = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]
Id = Annotated[int, Path(ge=1, lt=1 << 63)]
Wanted = Annotated[
    list[Annotated[str, Query(max_length=100, pattern=r"^[A-Za-z0-9_:.*-]+$")]] | None,
    Query(max_length=100, description="names or OBIS codes (default: all)"),
]


def _whole(value: object) -> object:
    """JSON knows numbers: 5.0 is one of the whole ones, and "5" is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1, lt=1 << 63)]
KEY = r"^[A-Za-z0-9._:-]{1,100}$"
"""An order's key."""
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
