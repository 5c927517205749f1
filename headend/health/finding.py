"""What `headend check` tells: a subject, how it stands, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`exit_code` is 0 for what does not stand in the way, else what the whole check ends with. With a `remedy` and
    exit code 0 it is a warning."""

    subject: str
    detail: str
    exit_code: int = 0
    remedy: str = ""

    @property
    def severity(self) -> str:
        """ok, warning or error."""
        if self.exit_code:
            return "error"
        return "warning" if self.remedy else "ok"
