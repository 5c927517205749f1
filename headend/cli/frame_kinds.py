"""What `headend frame encode` can build of DL/T 645: one row a service. Imports stand inside: `--help` stays quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headend.cli import frame_orders as orders
from headend.cli import frame_reads as reads
from headend.cli import frame_settings as settings

_WILDCARD: Final = "A" * 12
_BROADCAST: Final = "9" * 12
_BOTH: Final = ("2007", "1997")

READ_EPILOG: Final = """\
ITEM is a data identifier (00010000, of 1997 9010), a quantity's name (active_energy_import) or an OBIS code
(1-0:1.8.0). With --reply the meter's answer is built: one VALUE for each part of the item, null for "not available";
of a load record the time, then its values. --reply-data gives the bytes instead (without the 33H), for one part of a
longer answer.

examples:
  headend frame encode read --address 123456789012 00010000
  headend frame encode read --address 123456789012 00010000 --reply 123456.78
  headend frame encode read --address 1 0201FF00 --reply 230.1 null null
  headend frame encode read --address 1 06000001 --records 2 --since 2026-11-22T00:00
"""
CONTROL_EPILOG: Final = """\
COMMAND: trip, permit-close (the customer must press a key), close, trip-reclose, trip-reclose-silently, alarm,
alarm-off, protect, unprotect; or N1 in hex (1A). --until is the meter's local time after which it does not obey.

"""

Arguments = argparse.Namespace
Options = Callable[[argparse.ArgumentParser], None]


def _no_options(parser: argparse.ArgumentParser) -> None:
    return


def _done(arguments: Arguments, request: Any) -> tuple[str, Any]:
    return arguments.address, None


@dataclass(frozen=True, slots=True)
class Kind:
    """`request` makes the typed request, `value` the answering meter and what it answers. `reply` is what --reply
    takes: "" nothing, None where nobody answers. `to` is the address by edition where none is given. `access`: it takes
    a level and a password; `secret`: it has options of its own for passwords."""

    help: str
    request: Callable[[Arguments], Any]
    options: Options = _no_options
    value: Callable[[Arguments, Any], tuple[str, Any]] = _done
    reply: str | None = ""
    to: Mapping[str, str] = field(default_factory=dict)
    editions: tuple[str, ...] = ("2007",)
    access: bool = False
    secret: bool = False
    epilog: str = ""


KINDS: Final[dict[str, Kind]] = {
    "read": Kind(
        "a read, or its reply",
        reads.read,
        reads.read_options,
        reads.read_value,
        "VALUE",
        editions=_BOTH,
        epilog=READ_EPILOG,
    ),
    "follow-up": Kind(
        "the next part of a longer answer",
        reads.follow_up,
        reads.follow_up_options,
        reads.read_value,
        "VALUE",
        editions=_BOTH,
    ),
    "read-again": Kind(
        "the meter's last frame again (1997)",
        reads.again,
        reads.again_options,
        reads.again_value,
        "VALUE",
        editions=("1997",),
    ),
    "read-address": Kind(
        "who is on the line", settings.read_address, value=settings.own_address, reply="ADDRESS", to={"2007": _WILDCARD}
    ),
    "write": Kind("a write of an item", orders.write, orders.write_options, editions=_BOTH, access=True),
    "write-address": Kind(
        "a new address for the one meter on the line",
        settings.write_address,
        settings.new_address_options,
        settings.from_new,
        to={"2007": _WILDCARD, "1997": _BROADCAST},
        editions=_BOTH,
    ),
    "time": Kind(
        "broadcast time; nobody answers",
        settings.time,
        settings.time_options,
        reply=None,
        to=dict.fromkeys(_BOTH, _BROADCAST),
        editions=_BOTH,
    ),
    "freeze": Kind("a freeze", settings.freeze, settings.freeze_options),
    "baud": Kind("another baud rate", settings.baud, settings.baud_options, settings.rate, editions=_BOTH),
    "password": Kind("another password", orders.password, orders.password_options, editions=_BOTH, secret=True),
    "clear-demand": Kind("maximum demands to zero", orders.clear_demand, editions=_BOTH, access=True),
    "clear-meter": Kind("the meter to zero", orders.clear_meter, access=True),
    "clear-events": Kind("event records to nothing", orders.clear_events, orders.events_options, access=True),
    "control": Kind(
        "trip, close, alarm, keep supply", orders.control, orders.control_options, access=True, epilog=CONTROL_EPILOG
    ),
    "terminal": Kind("what the terminal puts out", settings.terminal, settings.terminal_options),
    "security": Kind(
        "a security service, as it is", settings.security, settings.security_options, settings.security_value, "HEX"
    ),
}
