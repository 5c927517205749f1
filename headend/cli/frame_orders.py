"""Options and requests of `headend frame encode` that need a password, from an option or the environment.

No error shows a password.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, Final

from headend.cli.frame_reads import as_is_option, raw_bytes

PASSWORD_VARIABLE: Final = "HEADEND_PASSWORD"  # noqa: S105 - a variable's name
NEW_PASSWORD_VARIABLE: Final = "HEADEND_NEW_PASSWORD"  # noqa: S105

Arguments = argparse.Namespace


def access_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--level", metavar="L", help="of the password: 0, the highest, to 9; 96, 98, 99 with --sealed")
    parser.add_argument("--password", metavar="P", help="six hex digits, P2 first (default: $HEADEND_PASSWORD)")
    parser.add_argument("--operator", metavar="C", default="00000000", help="eight hex digits (default: 00000000)")
    parser.add_argument("--sealed", metavar="HEX", help="the body as a security module sealed it, instead of ours")


def _access(arguments: Arguments, optional: bool = False) -> Any:
    """PA and password. Raises `UsageFault` where one is missing; no error shows the password."""
    from headend.errors import UsageFault
    from protocols.dlt645.services.access import Access

    if arguments.level is None:
        if optional:
            return None
        raise UsageFault("no --level: expected 0 to 9, or 96, 98, 99 with --sealed")
    level = _level(arguments.level)
    if arguments.sealed is not None:
        return Access(level)
    return _plain(level, arguments.password, "--password", PASSWORD_VARIABLE)


def _level(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise ValueError(f"--level is {text!r}, expected 0 to 9, or 96, 98, 99 with --sealed") from None


def _plain(level: int, given: str | None, option: str, variable: str) -> Any:
    from headend.errors import UsageFault
    from protocols.dlt645.services.signer import PlainPassword

    password = given if given is not None else os.environ.get(variable)
    if password is None:
        raise UsageFault(f"no password: give {option} or set {variable}")
    return PlainPassword(level, password).access


def _ordered(arguments: Arguments, order: Any) -> Any:
    from protocols.dlt645.services.order import Ordered

    sealed = None if arguments.sealed is None else raw_bytes(arguments.sealed, "--sealed")
    access = _access(arguments)
    if (sealed is None) == access.is_cipher:
        raise ValueError("--sealed goes with --level 96, 98 or 99, and these with it")
    return Ordered(order, access, sealed)


def write_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("item", metavar="ITEM")
    parser.add_argument("value", metavar="VALUE", nargs="*", help="one for each part of the item")
    parser.add_argument("--data", metavar="HEX", help="the bytes instead (without the 33H)")
    as_is_option(parser)


def write(arguments: Arguments) -> Any:
    from headend.frames.spelling import code_of, data_of, item_of
    from protocols.dlt645.services.write import Write, Write1997

    if (arguments.data is None) == (not arguments.value):
        raise ValueError("expected either VALUE or --data")
    if arguments.data is not None:
        code, data = code_of(arguments.item, arguments.edition, arguments.as_is), raw_bytes(arguments.data, "--data")
    else:
        item = item_of(arguments.item, arguments.edition)
        code, data = item.code, data_of(item, arguments.value)
    if arguments.edition == "1997":
        _only_plain(arguments)
        return Write1997(code, data, _access(arguments, optional=True))
    return _ordered(arguments, Write(code, data, arguments.operator))


def password_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--level", metavar="L", required=True, help="of the password that proves the right: 0 to 9")
    parser.add_argument("--password", metavar="P", help="six hex digits, P2 first (default: $HEADEND_PASSWORD)")
    parser.add_argument("--new-level", metavar="L", help="of the password that is changed (default: --level)")
    parser.add_argument("--new-password", metavar="P", help="six hex digits (default: $HEADEND_NEW_PASSWORD)")


def password(arguments: Arguments) -> Any:
    from protocols.dlt645.services.password import ChangePassword, ChangePassword1997

    old = _plain(_level(arguments.level), arguments.password, "--password", PASSWORD_VARIABLE)
    level = _level(arguments.new_level or arguments.level)
    new = _plain(level, arguments.new_password, "--new-password", NEW_PASSWORD_VARIABLE)
    return ChangePassword1997(old, new) if arguments.edition == "1997" else ChangePassword(old, new)


def _only_plain(arguments: Arguments) -> None:
    if arguments.sealed is not None:
        raise ValueError("--sealed is of the 2007 edition")


def clear_demand(arguments: Arguments) -> Any:
    from protocols.dlt645.services.clear import ClearDemand, ClearDemand1997

    if arguments.edition == "1997":
        _only_plain(arguments)
        return ClearDemand1997(_access(arguments, optional=True))
    return _ordered(arguments, ClearDemand(arguments.operator))


def clear_meter(arguments: Arguments) -> Any:
    from protocols.dlt645.services.clear import ClearMeter

    return _ordered(arguments, ClearMeter(arguments.operator))


def events_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", metavar="DI", default="FFFFFFFF", help="of one kind, 03300DFF (default: all)")


def clear_events(arguments: Arguments) -> Any:
    from protocols.dlt645.services.clear import ClearEvents

    return _ordered(arguments, ClearEvents(arguments.events.upper(), arguments.operator))


def control_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("command_word", metavar="COMMAND", help="see below")
    parser.add_argument("--until", metavar="T", required=True, help="valid until, such as 2026-12-31T23:59:59")
    parser.add_argument("--n2", metavar="HEX", default="00", help="minutes and the like of newer meters (default: 00)")


def control(arguments: Arguments) -> Any:
    from protocols.dlt645.services.control import Command, Control

    words = {command.name.lower().replace("_", "-"): command for command in Command}
    word = arguments.command_word.lower()
    n1 = [words[word]] if word in words else raw_bytes(word, f"COMMAND (expected {', '.join(words)}, or N1 in hex)")
    n2 = raw_bytes(arguments.n2, "--n2")
    if len(n1) != 1 or len(n2) != 1:
        raise ValueError("N1 and N2 have one byte each")
    return _ordered(arguments, Control(n1[0], arguments.until, arguments.operator, n2[0]))
