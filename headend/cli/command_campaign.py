"""`headend command progress|pause|continue|report`: an order for many meters on its way."""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headend.cli.command_shown import show_order
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client


def add_campaigns(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    made = {
        "progress": verb("progress", "how far an order is, how fast it goes, and where it did not go well"),
        "pause": verb("pause", "what of an order is not sent yet waits"),
        "continue": verb("continue", "send on: by who may release it"),
        "report": verb("report", "what became of each meter, as CSV"),
    }
    for parser in made.values():
        parser.add_argument("id", metavar="ID")
    for name in ("pause", "continue"):
        made[name].add_argument("--why", metavar="TEXT", default="")
    made["report"].add_argument("-o", "--output", metavar="FILE", required=True, help="a new file; never overwritten")


async def _progress(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    told = await api.get(f"/v1/commands/{arguments.id}/progress")
    if output.as_json:
        output.document(told)
    counts = ", ".join(f"{count} {state}" for state, count in told["states"].items())
    output.text(f"{told['id']}  {told['done']} of {told['meters']} meters are at their end: {counts}")
    if told["paused"]:
        output.text(f"paused; what is not sent by {told['expires']} expires")
    if told["began"] is not None:
        estimate = "" if told["ends"] is None else f", at this rate done at {told['ends']}"
        output.text(f"since {told['began']}, {told['per_minute']} a minute of late{estimate}")
    troubles = [(t["count"], t["state"], t["why"], " ".join(t["meters"])) for t in told["troubles"]]
    if troubles:
        output.table(["meters>", "state", "why", "such as"], troubles)
    if told["more_troubles"]:
        output.text(f"and {told['more_troubles']} meters for other reasons: headend command report")
    return 0


async def _say(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    path = f"/v1/commands/{arguments.id}/{arguments.verb}"
    return show_order(await api.post(path, {"why": arguments.why}), output)


async def _report(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    file = Path(arguments.output)
    rows = [row async for row in api.items(f"/v1/commands/{arguments.id}/report", limit=1000)]
    await asyncio.to_thread(_write, file, written(rows))
    told = {"id": arguments.id, "file": str(file), "meters": len(rows)}
    if output.as_json:
        output.document(told)
    output.text(f"{len(rows)} meters in {file}")
    return 0


def _write(file: Path, text: str) -> None:
    from headend.errors import UsageFault

    try:
        with file.open("x", encoding="utf-8", newline="") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageFault(f"{file}: {error.strerror}") from error


def written(rows: list[dict[str, Any]]) -> str:
    """CSV: a row a meter, a column for each state with when it came into that last."""
    from headend.safety.command import State

    states = [state.value for state in State]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["meter", "label", "area", "state", "why", *states, "frames"])
    for row in rows:
        times = {step["state"]: step["at"] for step in row["steps"]}
        cells = [row[name] for name in ("meter", "label", "area", "state", "why")]
        writer.writerow([*cells, *(times.get(state, "") for state in states), " | ".join(row["frames"])])
    return text.getvalue()


VERBS: Final = {"progress": _progress, "pause": _say, "continue": _say, "report": _report}
