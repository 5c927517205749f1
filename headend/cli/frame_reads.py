"""Options and requests of `headend frame encode` for reading: read, follow-up, read-again."""

from __future__ import annotations

import argparse
from typing import Any

Arguments = argparse.Namespace


def raw_bytes(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{what} is no hex of whole bytes") from None


def as_is_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-is", action="store_true", help="take an identifier that no rule describes (a maker's own)"
    )


def read_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("item", metavar="ITEM")
    parser.add_argument("--records", type=int, metavar="N", help="of a load record: how many (2007)")
    parser.add_argument("--since", metavar="T", help="with --records: from this moment on, the meter's local time")
    _part_options(parser)


def follow_up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("item", metavar="ITEM")
    parser.add_argument("--sequence", type=int, default=1, metavar="N", help="1..255 (2007; default: 1)")
    _part_options(parser)


def again_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--item", metavar="ITEM", help="with --reply: what the last frame held")
    _part_options(parser)


def _part_options(parser: argparse.ArgumentParser) -> None:
    as_is_option(parser)
    parser.add_argument("--reply-data", metavar="HEX", help="build the meter's answer with these bytes")
    parser.add_argument("--follows", action="store_true", help="with a reply: more data follow")


def read(arguments: Arguments) -> Any:
    from headend.frames.spelling import code_of
    from protocols.dlt645.services.read import Read
    from protocols.dlt645.services.read_1997 import Read1997

    code = code_of(arguments.item, arguments.edition, arguments.as_is)
    if arguments.edition == "2007":
        request = Read(code, arguments.records, arguments.since)
        _ = request.data  # refuses what is no moment, for a reply too
        return request
    if arguments.records is not None or arguments.since is not None:
        raise ValueError("--records and --since are of the 2007 edition")
    return Read1997(code)


def follow_up(arguments: Arguments) -> Any:
    from headend.frames.spelling import code_of
    from protocols.dlt645.services.read import FollowUp
    from protocols.dlt645.services.read_1997 import FollowUp1997

    code = code_of(arguments.item, arguments.edition, arguments.as_is)
    return FollowUp(code, arguments.sequence) if arguments.edition == "2007" else FollowUp1997(code)


def again(arguments: Arguments) -> Any:
    from protocols.dlt645.services.read_1997 import ReadAgain

    return ReadAgain()


def read_value(arguments: Arguments, request: Any) -> tuple[str, bytes]:
    from headend.frames.spelling import data_of, item_of

    if arguments.reply_data is not None:
        return arguments.address, raw_bytes(arguments.reply_data, "--reply-data")
    return arguments.address, data_of(item_of(arguments.item, arguments.edition), arguments.reply)


def again_value(arguments: Arguments, request: Any) -> tuple[str, bytes]:
    from headend.frames.spelling import code_of

    if arguments.item is None:
        raise ValueError("a reply wants --item: what the last frame held")
    code = code_of(arguments.item, arguments.edition, arguments.as_is)
    own, data = read_value(arguments, request)
    return own, bytes.fromhex(code)[::-1] + data
