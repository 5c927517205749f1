"""`headend COMMAND ...`: finds the command's module, and turns every error into a reason and an exit code.

Exit codes: 0 done; 1 the meter, link or operation failed; 2 wrong usage or configuration; 3 database or broker not
reachable. No traceback reaches a user, unless the fault is ours.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from headend.cli.output import Output
from headend.errors import HeadendError
from protocols.errors import CommunicationError, ModelError

COMMANDS: Final = {
    "demo": "the whole chain on embedded parts: collects from simulated meters, shows and exports what was read",
    "init": "write a configuration and set up the database",
    "check": "verify configuration, database, lines and models",
    "run": "the daemon: collect until told to stop",
    "status": "health of daemon, database and collection",
    "meter": "the registry of meters, lines and usage points",
    "area": "transformer districts and feeders, and what belonged to them when",
    "point": "usage points: meters, areas, what was used",
    "model": "the kinds of meter that are known",
    "read": "read a meter now, from the registry or by its link",
    "readings": "stored readings of a meter",
    "plan": "the configured plans, and what is due of them",
    "quality": "collection quality: success and completeness, and the worst",
    "gaps": "what is expected and not there, and why: the balance, by day, meter, line, area, reason",
    "recollect": "missing readings are asked for once more",
    "events": "what happened to meters: list, acknowledge, read now, the catalogue",
    "clock": "how far the meters' clocks are off, and telling them the time",
    "outages": "what is without supply: meters, branches, districts",
    "dead-letters": "pushed messages that could not be stored",
    "replay": "what was set aside, into the database once more",
    "backup": "the whole database into a directory",
    "restore": "a backup into an empty database",
    "access": "who was given which meters' readings",
    "command": "orders to meters: draft, approve, release, stop; asked for at the daemon with a token",
    "policy": "what is laid down for acting on meters: check a file, let it hold",
    "protection": "who must not be cut",
    "user": "who may what, for administrators",
    "token": "what tells the daemon who asks",
    "secret": "meters' passwords, sealed in the database",
    "audit": "the chain of what was asked, decided and done: verify, export, replay",
    "store": "what the database holds: rollups, retention, partitions, sizes",
    "register-read": "registers that persons read: enter, import, withdraw, and what is to be read",
    "vee": "validate and estimate what points used: run, look, edit",
    "load": "load control: programmes, members, events, settlement, cost control by the balance",
    "tariff": "check tariff files, rate determinants by one",
    "bill": "what a usage point owes for a month, every line explained",
    "frame": "decode and encode frames",
    "export": "files for billing systems: check them strictly, against their manifest",
    "forecast": "the load of the days to come, by meter, area and system; how good such forecasts were",
    "label": "what kind of customer it is: load shape, base load, peak hour, photovoltaics, flexible load, outages",
    "theft": "which meters an inspector should look at first",
    "lineloss": "what areas and feeders lose, day by day, and why",
    "wire": "logs of what went over lines, decoded again",
    "simulate": "meters and buses for a test lab",
    "conform": "hold a meter against the standard: a table of checks, a report",
}
"""Command name to the sentence that `--help` shows; the module has the same name, with _ for -."""


class _Parser(argparse.ArgumentParser):
    """Usage errors are printed the way every other error is."""

    as_json = False

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        Output(_Parser.as_json).failure(f"{message} (see {self.prog} --help)", "usage")
        sys.exit(2)


def common() -> _Parser:
    """Options that are accepted before and after the command."""
    options = _Parser(add_help=False)
    options.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="results as JSON on stdout")
    options.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="configuration (default: $HEADEND_CONFIG, else ./headend.toml)",
    )
    return options


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The entry point."""
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run one command and return its exit code."""
    _Parser.as_json = "--json" in argv
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError:
            Output(_Parser.as_json).failure(f"{word.encode(errors='replace').decode()!r} is not UTF-8", "usage")
            return 2
    arguments = parser(argv).parse_args(argv)
    arguments.json = getattr(arguments, "json", False)
    arguments.config = getattr(arguments, "config", None) or os.environ.get("HEADEND_CONFIG") or "headend.toml"
    output = Output(arguments.json)
    if arguments.command is None:
        parser(argv).print_help(sys.stderr)
        return 2
    try:
        code: int = _module(arguments.command).run(arguments, output)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a file that the user named
        output.failure(f"{error.filename}: {error.strerror}" if error.filename else str(error), "failed")
        return 1
    except HeadendError as error:
        output.failure(str(error), _KINDS[error.exit_code])
        return error.exit_code
    except ModelError as error:
        output.failure(str(error), "usage")
        return 2
    except CommunicationError as error:
        output.failure(str(error), error.label)
        return 1
    except _storage_error() as error:
        output.failure(str(error), "service" if _unreachable(error) else "failed")
        return 3 if _unreachable(error) else 1
    return code


_KINDS: Final = {1: "failed", 2: "usage", 3: "service"}


def _storage_error() -> Any:
    """The storage error tree, if a command has loaded it: short commands never do."""
    module = sys.modules.get("storage.errors")
    return module.StorageError if module else ()


def _unreachable(error: Exception) -> bool:
    return isinstance(error, sys.modules["storage.errors"].DatabaseUnreachable)


def _module(command: str) -> Any:
    return importlib.import_module(f"headend.cli.{command.replace('-', '_')}")


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser for `argv`; only the commands named there are loaded, so that short ones start fast."""
    shared = common()
    top = _Parser(
        prog="headend",
        description="Smart-meter head-end system: DL/T 645 and Modbus meters into TimescaleDB.",
        epilog="exit codes: 0 done; 1 the meter, link or operation failed; 2 wrong usage or configuration; "
        "3 database or broker not reachable",
        parents=[shared],
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for name, sentence in COMMANDS.items():
        sub = commands.add_parser(
            name, help=sentence, description=sentence[0].upper() + sentence[1:] + ".", parents=[shared]
        )
        if name in argv:
            _module(name).add(sub)
    return top
