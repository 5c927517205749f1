"""A batch's files on their way, and the secrets that a target wants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analytics.billing.exports.manifest import NAME
from headend.batches.settings import TargetTable

SAME: Final = "lies there already"


class DeliveryFault(Exception):
    """A target did not take a batch; the reason is kept with the attempt. `is_final`: trying again is of no use."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Parcel:
    """`folder` holds the files and the manifest."""

    name: str
    folder: Path
    manifest: bytes

    def files(self) -> Iterator[Path]:
        """The manifest last: where it lies, all lies."""
        yield from sorted(path for path in self.folder.iterdir() if path.name != NAME)
        yield self.folder / NAME


def secret(target: TargetTable, what: str, home: Path) -> str:
    """`what`: password or token; from its file or variable, empty: none is named. Raises `DeliveryFault`."""
    file: str
    variable: str
    file, variable = getattr(target, f"{what}_file"), getattr(target, f"{what}_env")
    if file:
        try:
            return (home / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DeliveryFault(f"{what}_file {file}: {error}", is_final=True) from error
    if variable:
        found = os.environ.get(variable, "")
        if not found:
            raise DeliveryFault(f"{what}_env: {variable} is not set", is_final=True)
        return found
    return ""
