"""`headend point vacant`: when nobody has a contract at a usage point."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from storage.vacancies import Said, StoredVacancy


def add_verb(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--from", dest="start", metavar="T", help="say that it is vacant from then on, ISO 8601")
    verb.add_argument("--to", dest="end", metavar="T", help="with --from: until then (default: until it is ended)")
    other = verb.add_mutually_exclusive_group()
    other.add_argument("--end", dest="ended", metavar="T", help="say that what goes on ends then")
    other.add_argument("--withdraw", type=int, metavar="NUMBER", help="say that it was wrong: it counts no more")
    verb.add_argument("--reason", metavar="TEXT", default="", help="needed to withdraw")
    verb.add_argument("--by", metavar="NAME", default="", help="(default: who you are)")
    verb.epilog = "Without --from, --end and --withdraw what was said is listed."


async def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import person
    from storage.errors import NotFound
    from storage.topology_entries import Vacancy
    from storage.vacancies import Vacancies

    config = load(arguments.config)
    point, reason, by = arguments.point, arguments.reason.strip(), arguments.by.strip() or person().name
    now = datetime.now(UTC)
    start, end, ended = (
        None if text is None else instant(text, config.zone, now).astimezone(UTC)
        for text in (arguments.start, arguments.end, arguments.ended)
    )
    if start is not None and (ended is not None or arguments.withdraw is not None):
        raise UsageFault("--from begins another vacancy: it goes neither with --end nor with --withdraw")
    if end is not None and (start is None or end <= start):
        raise UsageFault("--to goes with --from" if start is None else "--to is not after --from")
    if arguments.withdraw is not None and not reason:
        raise UsageFault("--reason: why was it wrong?")
    async with store(config) as opened, Vacancies(opened.conninfo) as vacancies:
        if point not in {each.name for each in await opened.registry.usage_points()}:
            raise NotFound(f"no usage point named {point!r}")
        if start is not None:
            await vacancies.add(Vacancy(point=point, start=start, end=end, actor=by, reason=reason))
        elif ended is not None:
            await vacancies.end(point, ended, by, reason)
        elif arguments.withdraw is not None:
            await vacancies.withdraw(point, arguments.withdraw, by, reason)
        found = await vacancies.said([point])
    for one in found if output.as_json else ():
        output.document(_told(one))
    output.table(
        ["number>", "from", "to", "by", "reason", "ended", "withdrawn"],
        [
            (one.id, one.start.astimezone(config.zone), one.end and one.end.astimezone(config.zone), one.actor,
             one.reason, _who(one.ended), _who(one.withdrawn))
            for one in found
        ],
    )  # fmt: skip
    return 0


def _told(one: StoredVacancy) -> dict[str, Any]:
    def said(by: Said | None) -> dict[str, Any] | None:
        return None if by is None else {"by": by.actor, "reason": by.reason, "at": by.at}

    return {
        "point": one.point, "id": one.id, "from": one.start, "to": one.end, "by": one.actor, "reason": one.reason,
        "entered": one.entered, "ended": said(one.ended), "withdrawn": said(one.withdrawn),
    }  # fmt: skip


def _who(said: Said | None) -> str:
    return "" if said is None else f"{said.actor}: {said.reason}" if said.reason else said.actor
