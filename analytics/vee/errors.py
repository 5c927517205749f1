"""What keeps values from being validated or replaced.

AnalyticsError
`- VeeError
   |- ParametersFault      a file of parameters is wrong: file, key, what was expected
   |- FrozenValues         a new version would change what was billed
   `- EditRefused          a manual edit that says not what, why or by whom
"""

from __future__ import annotations

from analytics.errors import AnalyticsError


class VeeError(AnalyticsError):
    """Values cannot be validated, and this is why."""


class ParametersFault(VeeError):
    """`message` names the key and what was expected."""

    def __init__(self, file: str, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file


class FrozenValues(VeeError):
    """What was billed may be changed by a correction with a reason only. `days`: how many would change."""

    def __init__(self, name: str, first: str, days: int) -> None:
        super().__init__(f"{days} billed days of {name} would change, the first is {first}: make it a correction")
        self.name = name
        self.days = days


class EditRefused(VeeError):
    """A manual edit cannot be made; the message says which and why."""
