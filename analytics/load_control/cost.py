"""Cost control (费控): warned when the balance is low, given notice when it is gone, proposed to be cut when the clock
of the notice has run out, given back when it is paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from analytics.load_control.programme import Kind, Programme, ProgrammeFault


class Account(StrEnum):
    NOTHING = "nothing"
    WARN = "warn"
    GIVE_NOTICE = "give_notice"
    CUT = "cut"
    GIVE_BACK = "give_back"


@dataclass(frozen=True, slots=True)
class Standing:
    """`balance` as the billing system told it `at`; below 0 is a debt. `warned`, `noticed`: when, with proof that it
    reached the customer, since the balance was last above the threshold; `proof` names it. `is_cut`: for debt."""

    balance: Decimal
    at: datetime
    warned: datetime | None = None
    noticed: datetime | None = None
    proof: str = ""
    is_cut: bool = False


def judge(programme: Programme, standing: Standing, now: datetime, fresh_s: float = 3600.0) -> Account:
    """What is to be proposed. A cut only on a balance that is fresh, and on a notice that is proved and has run out.

    Raises `ProgrammeFault` for a programme of another kind.
    """
    if programme.kind is not Kind.COST or programme.cut_at is None:
        raise ProgrammeFault(f"programme {programme.name} is not of cost control")
    if standing.balance > programme.cut_at:
        if standing.is_cut:
            return Account.GIVE_BACK
        is_low = programme.warn_at is not None and standing.balance <= programme.warn_at
        return Account.WARN if is_low and standing.warned is None else Account.NOTHING
    if standing.is_cut:
        return Account.NOTHING
    if standing.noticed is None or not standing.proof.strip():
        return Account.GIVE_NOTICE
    age = (now - standing.at).total_seconds()
    if now < standing.noticed + programme.grace or not 0 <= age <= fresh_s:
        return Account.NOTHING
    return Account.CUT
