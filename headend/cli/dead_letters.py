"""`headend dead-letters`: pushed messages that could not be stored."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.config import Config
    from storage.dead_letters import Letter, Wanted

_SHOWN = 60
"""Characters of a detail in the list."""


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|show|replay|drop", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    listed = verb("list", "Open letters, the oldest first, or with --summary how many of what.")
    _add_filters(listed)
    listed.add_argument("--state", choices=["dead", "quarantined", "replayed", "dropped", "all"], help="default: open")
    listed.add_argument("--most", type=int, default=100, metavar="N", help="how many at most (default: 100)")
    listed.add_argument("--summary", action="store_true", help="counts by source, reason and state")
    shown = verb("show", "One letter with its bytes.")
    shown.add_argument("id", type=int, metavar="ID")
    for name, sentence in (
        ("replay", "Decode letters again and store what they give now; the others stay."),
        ("drop", "Mark letters as dealt with; nothing of them is stored."),
    ):
        one = verb(name, sentence)
        one.add_argument("ids", type=int, nargs="*", metavar="ID", help="these; or those that the filters name")
        _add_filters(one)
        one.add_argument("--all", action="store_true", help="all open letters")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--push", metavar="NAME", help="only of this source")
    parser.add_argument("--reason", metavar="R", help="only with this reason")
    parser.add_argument("--since", metavar="T", help="only those that came (again) since then, ISO 8601")


def add_source(parser: argparse.ArgumentParser, flags: Any) -> None:
    """As a source of `headend replay`."""
    flags.add_argument(
        "--dead-letters", action="store_const", const=True, help="pushed messages that could not be stored"
    )
    _add_filters(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault

    if arguments.verb in ("replay", "drop"):
        filters = (arguments.push, arguments.reason, arguments.since)
        if not (arguments.ids or arguments.all or any(filters)):
            raise UsageFault(f"dead-letters {arguments.verb}: which? Give ids, --push, --reason, --since, or --all")
    verbs = {"list": _list, "show": _show, "replay": replay, "drop": _drop}
    return asyncio.run(verbs[arguments.verb](arguments, output))


def _wanted(arguments: argparse.Namespace, config: Config) -> Wanted:
    from datetime import UTC, datetime

    from headend.cli.readings import moment
    from storage.dead_letters import OPEN, LetterState, Wanted

    state = getattr(arguments, "state", None)
    states = OPEN if state is None else None if state == "all" else (LetterState(state),)
    since = moment(arguments.since, config.zone, datetime.now(UTC)) if arguments.since else None
    return Wanted(arguments.push, arguments.reason, since, states, getattr(arguments, "ids", None) or None)


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from storage.dead_letters import DeadLetters

    if arguments.most < 1:
        raise UsageFault(f"--most {arguments.most}: expected at least 1")
    config = load(arguments.config)
    wanted = _wanted(arguments, config)
    async with store(config) as opened, DeadLetters(opened.conninfo) as letters:
        if arguments.summary:
            heaps = await letters.summary(wanted)
        else:
            found = await letters.list(wanted, limit=arguments.most)
    if arguments.summary:
        documents = [
            {
                "push": h.push, "reason": h.reason, "state": str(h.state), "letters": h.letters, "times": h.times,
                "first": h.first, "last": h.last,
            }
            for h in heaps
        ]  # fmt: skip
        columns = ["push", "reason", "state", "letters>", "times>", "first", "last"]
        rows = [tuple(document.values()) for document in documents]
    else:
        documents = [_told(letter) for letter in found]
        columns = ["id>", "push", "reason", "state", "times>", "last", "topic", "bytes>", "detail"]
        rows = [
            (f.id, f.push, f.reason, str(f.state), f.count, f.last, f.topic, len(f.payload), f.detail[:_SHOWN])
            for f in found
        ]
    for document in documents if output.as_json else ():
        output.document(document)
    output.table(columns, rows)
    return 0


def _told(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "push": letter.push,
        "topic": letter.topic,
        "fields": dict(letter.fields),
        "reason": letter.reason,
        "detail": letter.detail,
        "meters": list(letter.meters),
        "state": str(letter.state),
        "first": letter.received,
        "last": letter.last,
        "times": letter.count,
        "repeated": letter.repeated,
        "payload": letter.payload.hex(),
    }


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.dead_letters import DeadLetters

    async with store(load(arguments.config)) as opened, DeadLetters(opened.conninfo) as letters:
        letter = await letters.letter(arguments.id)
    document = _told(letter)
    if output.as_json:
        output.document(document)
        return 0
    for key, value in document.items():
        output.text(f"{key + ':':10} {value}")
    output.text(f"{'as text:':10} {letter.payload[:1000].decode('utf-8', 'backslashreplace')!r}")
    return 0


async def replay(arguments: argparse.Namespace, output: Output) -> int:
    """Letters that still do not give all of their readings are no failure: they are told, and kept."""
    from collections import Counter

    from headend.config import load
    from headend.ingest.replay import replay as pages
    from headend.place import store
    from storage.writer import Written

    config = load(arguments.config)
    letters = replayed = 0
    written = Written(0, 0, 0)
    kept: Counter[str] = Counter()
    async with store(config) as opened:
        async for page in pages(config, opened.conninfo, _wanted(arguments, config)):
            letters += page.letters
            replayed += page.replayed
            written += page.written
            kept.update(page.kept.values())
    output.text(f"{letters} letters: {replayed} replayed, {sum(kept.values())} kept")
    output.text(f"captures: {written.stored} new, {written.merged} filled a hole, {written.duplicates} were there")
    output.table(["kept because", "letters>"], kept.most_common())
    if output.as_json:
        document = {"letters": letters, "replayed": replayed, "kept": dict(kept)}
        captures = {"stored": written.stored, "merged": written.merged, "duplicates": written.duplicates}
        output.document({**document, "captures": captures})
    return 0


async def _drop(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.dead_letters import DeadLetters, LetterState

    config = load(arguments.config)
    dropped = 0
    async with store(config) as opened, DeadLetters(opened.conninfo) as letters:
        async for page in letters.pages(_wanted(arguments, config)):
            dropped += await letters.settle([letter.id for letter in page], LetterState.DROPPED)
    output.text(f"{dropped} letters dropped")
    if output.as_json:
        output.document({"dropped": dropped})
    return 0
