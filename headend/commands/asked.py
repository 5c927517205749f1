"""What is asked of the desk."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

from headend.commands.where import Where
from headend.safety.function import Function, ReasonCode
from headend.safety.order import aware, sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An order as somebody asks for it. `meters` by name, and those of `where`. Empty `key`: one is made up.

    `not_before` None: now. `expires` None: as long after `not_before` as the policy lets it be by default. Raises
    `ValueError` for a time without a zone.
    """

    function: Function
    meters: tuple[str, ...]
    reason: ReasonCode | None
    notice: str = ""
    not_before: datetime | None = None
    expires: datetime | None = None
    key: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        aware(self.not_before, self.expires)

    @property
    def digest(self) -> str:
        """The same for the same request; what is left open stays open."""
        return sha256(
            {
                "form": "headend asked 1",
                "function": self.function.value,
                "meters": sorted(self.meters),
                "reason": None if self.reason is None else self.reason.value,
                "notice": self.notice,
                "not_before": None if self.not_before is None else self.not_before.timestamp(),
                "expires": None if self.expires is None else self.expires.timestamp(),
                "parameters": self.parameters,
                **({"where": asdict(self.where)} if self.where else {}),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """Somebody for the protection list: a meter, a usage point or both."""

    category: str
    meter: str = ""
    point: str = ""
    evidence: str = ""
    until: datetime | None = None
