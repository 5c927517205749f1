"""`headend vee class`: what days of classes of usage points look like, by version."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from storage.class_profiles import ClassProfile

_SENTENCES = {
    "build": "Build profiles from validated days that are wholly actual; a class of few usage points is refused.",
    "import": "Take profiles from a CSV file: all of them, or none and every bad row is told.",
    "list": "The versions: when, by whom, of what.",
    "show": "The profiles that hold as of a version, each with the version that tells it.",
}
_COLUMNS = ("category", "quantity", "day type", "points>", "days>", "energy of a day>")


def add_verb(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    inner = parser.add_subparsers(dest="what", metavar="|".join(_SENTENCES), required=True)
    made = {
        name: inner.add_parser(name, help=sentence, description=sentence, parents=[common()])
        for name, sentence in _SENTENCES.items()
    }
    build = made["build"]
    build.add_argument("--from", dest="start", metavar="DAY", required=True, help="the first local day")
    build.add_argument("--to", dest="end", metavar="DAY", required=True, help="the local day after the last")
    build.add_argument(
        "--category", metavar="C", action="append", help="of usage points, again for more (default: all)"
    )
    build.add_argument(
        "--least-points", type=int, metavar="N", help="that a class has to have, 10 or more (default: 15)"
    )
    made["import"].add_argument("file", type=Path, metavar="FILE")
    made["import"].add_argument("--dry-run", action="store_true", help="check every row and change nothing")
    made["import"].epilog = (
        "columns: category,quantity,day_type,time,value; day_type workday|weekend|holiday, time when the interval "
        "begins by the local clock (00:00), value its energy at one usage point; every interval of a day"
    )
    for name in ("build", "import"):
        made[name].add_argument("--reason", metavar="TEXT", default="")
        made[name].add_argument("--by", metavar="NAME", default="", help="(default: who you are)")
    made["show"].add_argument("--version", type=int, metavar="N", help="(default: the newest)")
    made["show"].add_argument("--category", metavar="C", action="append", help="again for more (default: all)")


async def run(arguments: argparse.Namespace, output: Output) -> int:
    verbs = {"build": _build, "import": _import, "list": _list, "show": _show}
    return await verbs[arguments.what](arguments, output)


async def _build(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.vee.class_profiles import FLOOR, LEAST_POINTS
    from headend.cli.vee_shown import days_of
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.privacy.access import person
    from headend.validation.class_build import build
    from headend.validation.settings import rules_of
    from protocols.quantities import BY_ID

    config, days = load(arguments.config), days_of(arguments)
    least = LEAST_POINTS if arguments.least_points is None else arguments.least_points
    if least < FLOOR:
        raise UsageFault(f"--least-points {least}, expected {FLOOR} or more: fewer tell of single customers")
    rules, by = rules_of(config.vee, config.folder), arguments.by.strip() or person().name
    async with store(config) as opened:
        done = await build(
            opened.conninfo, rules, config.zone, days, arguments.category, least, by, arguments.reason.strip()
        )
    refused = [
        {
            "category": of.category, "quantity": BY_ID[of.quantity].name if of.quantity else None,
            "day_type": of.day_type or None, "why": why,
        }
        for of, why in done.refused
    ]  # fmt: skip
    document: dict[str, Any] = {
        "version": done.version,
        "profiles": [_told(one) for one in done.profiles],
        "refused": refused,
    }
    if done.version is not None:
        output.text(f"version {done.version}, {len(done.profiles)} profiles")
        output.table(_COLUMNS, map(_row, done.profiles))
    if refused:
        output.table(["category", "quantity", "day type", "refused"], [tuple(one.values()) for one in refused])
        output.failure(
            f"{len(refused)} profiles would tell too much, or nothing was there to build them of", **document
        )
        return 1
    if output.as_json:
        output.document(document)
    return 0


async def _import(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.privacy.access import person
    from headend.registry.tables import BadRegistry, BadRow
    from headend.validation.class_file import read_profiles
    from headend.validation.settings import rules_of
    from storage.class_profiles import ClassProfiles, NewClassVersion

    config, bad = load(arguments.config), list[BadRow]()
    profiles = read_profiles(arguments.file, rules_of(config.vee, config.folder), bad)
    if bad:
        bad.sort(key=lambda one: one.row)
        rows = [{"file": r.file, "row": r.row, "key": r.key, "problem": r.problem} for r in bad]
        output.failure(str(BadRegistry(bad)), "usage", rows=rows)
        return 2
    version = None
    if not arguments.dry_run:
        by, reason = arguments.by.strip() or person().name, arguments.reason.strip()
        async with store(config) as opened, ClassProfiles(opened.conninfo) as kept:
            version = await kept.add(NewClassVersion(actor=by, reason=reason, file=arguments.file.name), profiles)
    output.text(f"version {version}" if version else "nothing is wrong, nothing was changed")
    output.table(_COLUMNS, map(_row, profiles))
    if output.as_json:
        output.document({"version": version, "profiles": [_told(one) for one in profiles]})
    return 0


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.class_profiles import ClassProfiles

    config = load(arguments.config)
    async with store(config) as opened, ClassProfiles(opened.conninfo) as kept:
        found = await kept.versions()
    for one in found if output.as_json else ():
        output.document({
            "version": one.number, "at": one.at, "by": one.actor, "reason": one.reason, "from": one.since,
            "to": one.until, "as_of": one.as_of, "least_points": one.least, "file": one.file,
            "profiles": one.profiles,
        })  # fmt: skip
    output.table(
        ["version>", "at", "by", "reason", "from", "to", "as of run>", "least points>", "file", "profiles>"],
        [
            (one.number, one.at.astimezone(config.zone), one.actor, one.reason, one.since, one.until, one.as_of,
             one.least, one.file, one.profiles)
            for one in found
        ],
    )  # fmt: skip
    return 0


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.class_profiles import ClassProfiles
    from storage.errors import NotFound

    config = load(arguments.config)
    async with store(config) as opened, ClassProfiles(opened.conninfo) as kept:
        last = await kept.last()
        version = last if arguments.version is None else arguments.version
        if not 1 <= version <= last:
            raise NotFound(f"no version {version} of class profiles" if last else "there are no class profiles yet")
        found = await kept.holding(version)
    shown = [pair for pair in found if arguments.category is None or pair[1].category in arguments.category]
    for number, one in shown if output.as_json else ():
        values = [one.quantity.text(each) for each in one.steps]
        output.document({"version": number, **_told(one), "step_s": one.step_s, "values": values})
    output.table(
        ["version>", *_COLUMNS, "step"], [(number, *_row(one), f"{one.step_s // 60}min") for number, one in shown]
    )
    return 0


def _told(one: ClassProfile) -> dict[str, Any]:
    return {
        "category": one.category, "quantity": one.quantity.name, "day_type": one.day_type, "points": one.points,
        "days": one.days, "energy": one.quantity.text(sum(one.steps)), "unit": str(one.quantity.unit),
    }  # fmt: skip


def _row(one: ClassProfile) -> Sequence[object]:
    energy = f"{one.quantity.text(sum(one.steps))} {one.quantity.unit}"
    return one.category, one.quantity.name, one.day_type, one.points, one.days, energy
