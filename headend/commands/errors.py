"""Why a desk does not do what it is asked.

HeadendError
|- Denied          the safety core says no; `decision` holds all its reasons
|  `- Impossible   meters of these kinds cannot do that
|- Forbidden       who asks may not ask that at all
|- Unknown         no such order, stop, entry, change
|- Conflict        the key is another order's, or what was shown has changed meanwhile
"""

from __future__ import annotations

from headend.errors import HeadendError
from headend.safety.decision import Decision, Reason, Verdict


class Denied(HeadendError):
    """The safety core said no."""

    def __init__(self, decision: Decision) -> None:
        told = [str(reason) for reason in decision.reasons[:_TOLD]]
        more = len(decision.reasons) - len(told)
        super().__init__("; ".join(told) + (f"; and {more} more" if more else ""))
        self.decision = decision

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.decision.reasons

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict


_TOLD = 10
"""Reasons that are told in one line; all are in the decision."""


class Impossible(Denied):
    """Some of the meters are of kinds that have no frame for it: a reason for each."""


class Forbidden(HeadendError):
    """Who asks may not ask that."""


class Unknown(HeadendError):
    """There is no such thing."""


class Conflict(HeadendError):
    """What is asked for contradicts what is there."""
