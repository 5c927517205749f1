"""`headend policy`: what the utility has laid down for acting on meters."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headend.cli.api_options import asking, change_told, verbs
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client


def add(parser: argparse.ArgumentParser) -> None:
    verb = verbs(parser, "check|sample|show|set")
    verb("check", "read a file, and say what is wrong with it").add_argument("file", metavar="FILE")
    verb("sample", "print the shipped one, with every key in it")
    verb("show", "the one that holds")
    verb("set", "let a file hold: done when two persons ask for it").add_argument("file", metavar="FILE")


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "sample":
        from headend.commands.policy_file import sample

        document = sample()
        output.text(document)
        if output.as_json:
            output.document({"document": document})
        return 0
    return _check(arguments, output) if arguments.verb == "check" else asking(arguments, output, _VERBS[arguments.verb])


def _check(arguments: argparse.Namespace, output: Output) -> int:
    from headend.commands.policy_file import read
    from headend.safety.function import ReasonCode

    rules = read(_text(arguments.file), arguments.file)
    policy = rules.policy
    if output.as_json:
        output.document({"version": policy.version, "caps": len(policy.caps), "watches": len(rules.watches)})
    output.text(f"{arguments.file} is well formed: version {policy.version}")
    output.text(f"{len(policy.caps)} caps, {len(policy.windows)} windows, {len(rules.watches)} watches")
    missing = [reason.value for reason in ReasonCode if reason not in policy.reasons]
    output.text(f"nothing is done for {', '.join(missing)}" if missing else "there is a rule for every reason")
    output.text(f"holidays are known until {rules.holidays.last}: nothing is cut in windows after that")
    return 0


def _text(file: str) -> str:
    from headend.errors import UsageFault

    try:
        return Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageFault(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from error


async def _show(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    policy = await api.get("/v1/policy")
    if output.as_json:
        output.document(policy)
    output.text(f"# version {policy['version']}, by {policy['by']} at {policy['at']}")
    output.text(policy["document"])
    return 0


async def _set(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    from headend.commands.policy_file import read

    document = await asyncio.to_thread(_text, arguments.file)
    read(document, arguments.file)
    return change_told(await api.put("/v1/policy", {"document": document}), "policy", output)


_VERBS: Final = {"show": _show, "set": _set}
