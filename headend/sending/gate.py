"""What stands before a line while one command is sent on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headend.collection.line import Line
from headend.safety.permit import OneFrame
from protocols.dlt645.services.mask import masked
from protocols.errors import NotPermitted
from protocols.exchange import Ask


@dataclass(slots=True)
class Gate:
    """The line's permit, remembering whether it let the frame through: from then on nobody knows what the meter did."""

    permit: OneFrame | None = None
    frame: bytes = b""
    passed: bool = False
    is_answered: bool = True
    """Whether a meter says anything to that frame."""
    before: list[bytes] = field(default_factory=list)
    """What went out first and changed nothing."""

    def __call__(self, ask: Ask[Any]) -> None:
        if self.permit is None:
            raise NotPermitted("there is no permit")
        self.permit(ask)
        self.frame, self.passed = ask.data, True

    def shown(self, line: Line) -> tuple[tuple[str, str], ...]:
        return without_secrets(line, [*self.before, self.frame])


def without_secrets(line: Line, frames: Sequence[bytes]) -> tuple[tuple[str, str], ...]:
    """As the audit has frames that went out: without passwords."""
    known = line.path.protocol == "dlt645"
    return tuple((">", masked(frame) if known else frame.hex(" ").upper()) for frame in frames if frame)
