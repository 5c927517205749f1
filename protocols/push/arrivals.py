"""What a batch of messages held: captures as columns, their meters not looked up yet, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS


class Message(NamedTuple):
    """One message as it came: `fields` are what the topic's template names, such as ``{"line": "dtu-17"}``."""

    fields: dict[str, str]
    payload: bytes
    received_us: int
    """Microseconds since 1970-01-01 UTC, our clock."""
    repeated: bool = False
    """Sent again by the broker, or kept by it: when it was first sent is unknown."""


class MeterKey(NamedTuple):
    """How a message names its meter: by `name`, else by communication address, on `line` where the message tells it."""

    name: str = ""
    address: str = ""
    line: str = ""

    def __str__(self) -> str:
        return self.name or (f"{self.address} on {self.line}" if self.line else self.address)


class Reject(NamedTuple):
    """Why a message, or a part of it, gave nothing. `reason` is a label for metrics and queries."""

    message: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Arrivals:
    """n captures of one batch of messages; several rows may be parts of one capture."""

    keys: tuple[MeterKey, ...]
    key: npt.NDArray[np.intp]
    """[n] row in `keys`"""
    message: npt.NDArray[np.intp]
    """[n] which message of the batch"""
    layout: npt.NDArray[np.int16]
    time_us: npt.NDArray[np.int64]
    values: npt.NDArray[np.int64]
    """[n, POSITIONS], in steps of the layout's quantities; 0 where not present"""
    present: npt.NDArray[np.bool_]
    """[n, POSITIONS]"""
    quality: npt.NDArray[np.uint8]
    """[n, POSITIONS]"""
    rejects: tuple[Reject, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.key)
        wide = ("values", "present", "quality")
        for field in fields(self):
            if field.name in ("keys", "rejects"):
                continue
            expected = (n, POSITIONS) if field.name in wide else (n,)
            if getattr(self, field.name).shape != expected:
                raise ValueError(f"column {field.name} has shape {getattr(self, field.name).shape}, not {expected}")

    def __len__(self) -> int:
        return len(self.key)


class PayloadDecoder(Protocol):
    """Decodes messages of one form. Raises nothing for any payload: what cannot be read is in `rejects`."""

    def decode(self, messages: Sequence[Message]) -> Arrivals: ...
