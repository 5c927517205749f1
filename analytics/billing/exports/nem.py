"""What NEM12 and NEM13 share (AEMO Meter Data File Format): codes, units, time, the check digit of an NMI."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.series import Batch, Channel, Flag, Quality, Register

OFFSET_S: Final = 36_000
MARKET: Final = timezone(timedelta(seconds=OFFSET_S))
"""UTC+10 all year, whatever the summer time where the meter is."""
MINUTES: Final = (5, 15, 30)
TRANSACTIONS: Final = frozenset("ACGDENOSR")
_UNFIT: Final = frozenset(',"\r\n')
DECIMALS: Final = MappingProxyType({
    f"{prefix}{unit}": decimals
    for prefix, decimals in (("M", 6), ("K", 3), ("", 0))
    for unit in ("WH", "VARH", "VAH", "W", "VAR", "VA")
})  # fmt: skip
"""Units of energy and power, in capitals, and how many decimals their values may have."""
REASONS: Final = frozenset(range(110)) - {56, 57, 59, 63, 66}
"""Reason codes of appendices E and F, the obsolete ones among them: history may still hold them."""


def check_digit(nmi: str) -> int:
    """Of ten characters: the codes of the characters, every other one doubled from the right, digits summed (AEMO NMI
    Procedure, appendix)."""
    total = 0
    for at, letter in enumerate(reversed(nmi)):
        total += sum(map(int, str(ord(letter) * (2 if at % 2 == 0 else 1))))
    return -total % 10


def nmi_problem(text: str) -> str | None:
    """What is wrong with an NMI of ten characters, or of eleven with its check digit; None: nothing."""
    body = text[:10]
    if len(text) not in (10, 11) or not (body.isascii() and body.isalnum() and body == body.upper()):
        return f"{text!r} is no NMI of ten capitals and digits, with or without its check digit"
    if "O" in body or "I" in body:
        return f"{text!r} holds an O or I, which no NMI does"
    if len(text) == 11 and text[10] != str(check_digit(body)):
        return f"the check digit of NMI {body} is {check_digit(body)}, not {text[10]}"
    return None


def flag_problem(quality: str, method: str, reason: str, note: str) -> str | None:
    """What a receiver would refuse (MDFF, appendices C to F)."""
    if quality not in set(Quality):
        return f"quality {quality!r}, expected A, E, S or F"
    if quality == Quality.ACTUAL:
        if method:
            return f"quality A has no method, not {method!r}"
    elif len(method) != 2 or not method.isdigit():
        return f"quality {quality} needs a method of two digits, not {method!r}"
    if quality in (Quality.SUBSTITUTED, Quality.FINAL) and not reason:
        return f"quality {quality} needs a reason code"
    if quality == Quality.ESTIMATED and reason:
        return "quality E has no reason code"
    if reason and not (reason.isascii() and reason.isdigit() and int(reason) in REASONS):
        return f"{reason!r} is no reason code"
    if reason and int(reason) == 0 and not note:
        return "reason 0 needs a description"
    return None


def checked(flag: Flag, channel: Channel) -> Flag:
    """Raises `ExportFault` where the market knows no such flag."""
    problem = flag_problem(flag.quality, flag.method, flag.reason, flag.note)
    if problem is None and not fit(flag.note):
        problem = f"a description holds a comma, quote, line end or what is not ASCII: {flag.note!r}"
    if problem is not None:
        raise ExportFault(channel.point, channel.channel, problem)
    return flag


def register(channel: Channel) -> Register:
    """Its names in the market, checked. Raises `ExportFault`."""
    names = channel.register
    if names is None:
        raise ExportFault(channel.point, channel.channel, "the point has no NMI")
    problem = nmi_problem(names.nmi)
    texts = (names.configuration, names.register, names.suffix, names.datastream, names.serial)
    if problem is None and not all(map(fit, texts)):
        problem = "a name holds a comma, quote, line end or what is not ASCII"
    if problem is None and (len(names.suffix) != 2 or len(names.register) > 10 or len(names.serial) > 12):
        problem = "the suffix has not two characters, or register or serial number are too long"
    if problem is None and unit(channel) not in DECIMALS:
        problem = f"the market has no unit {channel.unit}"
    if problem is not None:
        raise ExportFault(channel.point, channel.channel, problem)
    return names


def unit(channel: Channel) -> str:
    """In capitals, as files have it."""
    return channel.unit.upper()


def fit(text: str) -> bool:
    """It can stand in a field: the format knows no quoting."""
    return text.isascii() and not _UNFIT & set(text)


def line(fields: Sequence[str]) -> bytes:
    return (",".join(fields) + "\r\n").encode("ascii")


def stamp(time: datetime) -> str:
    """ccyymmddhhmmss of the market's time."""
    return time.astimezone(MARKET).strftime("%Y%m%d%H%M%S")


def header(version: str, batch: Batch) -> bytes:
    for name in (batch.sender, batch.receiver):
        if not 1 <= len(name) <= 10 or not fit(name):
            raise ExportFault(name, version, "a participant's name has one to ten characters and no comma")
    return line(["100", version, stamp(batch.created)[:12], batch.sender, batch.receiver])
