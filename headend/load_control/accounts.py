"""Cost control out of the database: what every account wants, and the orders for those to be cut or given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from analytics.load_control.cost import Account, Standing, judge
from analytics.load_control.programme import Programme
from headend.load_control.planning import Wanted
from headend.load_control.standing import sites
from headend.safety.function import Function, ReasonCode
from storage.load_control import LoadControl

_GOOD_FOR: Final = timedelta(days=1)
_BACK_FOR: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Want:
    """What one account wants. `why_not`: for what reason nothing is proposed although it wants it."""

    point: str
    meter: str
    wants: Account
    balance: Decimal
    of: datetime
    proof: str
    why_not: str = ""


async def wants(store: LoadControl, programme: Programme, now: datetime, fresh: timedelta) -> list[Want]:
    """Of the programme's members; accounts that want nothing are left out. Raises `ProgrammeFault`."""
    members = [member.point for member in await store.members(programme.name)]
    places = await sites(store, members, ReasonCode.NON_PAYMENT, now)
    found = []
    for row in await store.standings(members, programme.cut_at or Decimal(0)):
        site = places[row.point]
        standing = Standing(row.balance, row.of, row.warned, row.noticed, row.proof, site.cut_since is not None)
        wanted = judge(programme, standing, now, fresh.total_seconds())
        if wanted in (Account.WARN, Account.GIVE_NOTICE):
            found.append(Want(row.point, site.meter, wanted, row.balance, row.of, row.proof))
        elif wanted is not Account.NOTHING:
            why_not = site.against(cut=wanted is Account.CUT)
            found.append(Want(row.point, site.meter, wanted, row.balance, row.of, row.proof, why_not))
    return found


def orders(wanted: Sequence[Want], now: datetime) -> list[Wanted]:
    """One for each account: they are approved one by one or together, and recalled one by one when somebody pays."""
    found = []
    for want in wanted:
        if want.why_not or want.wants not in (Account.CUT, Account.GIVE_BACK):
            continue
        cut = want.wants is Account.CUT
        day = want.of.strftime("%Y%m%dT%H%M%S")  # asked for again on the same balance it is the same order
        found.append(
            Wanted(
                f"{'cut' if cut else 'back'}.{want.point}.{day}",
                Function.TRIP if cut else Function.CLOSE,
                (want.meter,),
                ReasonCode.NON_PAYMENT if cut else ReasonCode.PAYMENT,
                want.proof if cut else f"balance {want.balance} of {want.of.isoformat()}",
                now,
                now + (_GOOD_FOR if cut else _BACK_FOR),
            )
        )
    return found
