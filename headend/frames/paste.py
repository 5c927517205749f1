"""Hex as people paste it: bare, spelled for a program, as a dump with offsets, or inside the lines of a log."""

from __future__ import annotations

import re
from typing import Final

from headend.errors import UsageFault

_PREFIXED: Final = re.compile(r"(?:0[xX]|\\[xX])([0-9A-Fa-f]{1,2})(?![0-9A-Fa-f])")
_PREFIX: Final = re.compile(r"0[xX]|\\[xX]")
_SUFFIX: Final = re.compile(r"(?<=[0-9A-Fa-f]{2})[hH](?![0-9A-Za-z])")
_BETWEEN: Final = re.compile(r"[\s,;:_\-\[\]{}()\"'<>|.]+")
_OTHER: Final = re.compile(r"[^0-9A-Fa-f]")

_DATE: Final = r"(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0[1-9]|[12]\d|3[01])"
_TIME: Final = r"(?:[01]?\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_STAMP: Final = re.compile(rf"^[ \t]*[\[(]?[ \t]*(?:{_DATE}[T _,]+)?{_TIME}(?![:0-9A-Fa-f])[\])]?", re.MULTILINE)
"""What a line of a log begins with."""
_STAMP_INSIDE: Final = re.compile(rf"(?<![:0-9A-Za-z]){_TIME}(?![:0-9A-Fa-f])|(?<!\d){_DATE}(?!\d)")
_DECIMAL: Final = re.compile(r"(?<![0-9A-Za-z])\d+(?:\.\d+)+(?::\d+)?(?![0-9A-Za-z])")
"""A number with a point, or an IP address."""

_PEER: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.])")
_IMEI: Final = re.compile(r"(?<!\w)\d{15}(?!\w)")
"""A modem's number: no whole bytes."""

_OFFSET: Final = re.compile(r"^[ \t]*([0-9A-Fa-f]{4,8})[:h]?[ \t]+(.*)$")
_ASCII: Final = re.compile(r"(?:[ \t]*\|.*|[ \t]{2,}\S.{0,15})$")
_PER_LINE: Final = 16

_WORD: Final = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f]+")
_PAIRS: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_LONG_ODD: Final = re.compile(r"(?=.*[A-Fa-f]|68|(?:FE)+68)[0-9A-Fa-f]{9,}", re.IGNORECASE)
_SHORTEST: Final = 4
"""Bytes of the shortest frame (Modbus RTU): what is shorter, in a line with words, is a number that a log tells."""


def bytes_of(text: str) -> bytes:
    """The bytes of hex with blanks, line breaks, commas, colons, ``0x``, ``\\x``, H or nothing between them.

    Offsets and the text column of a dump are left out, and so are time stamps. Where other words stand in it (``TX:``,
    ``[INFO]``), what looks like bytes is picked out line by line. Raises `UsageFault` for what is no hex.
    """
    bare = _PEER.sub(" ", _STAMP.sub(" ", _without_offsets(text)))
    for bytes_alone in (_IMEI.sub(" ", bare), bare):
        try:
            return _bare(bytes_alone)
        except UsageFault as fault:
            why = fault
    found = b"".join(_of_line(line) for line in bare.splitlines())
    if not found:
        raise why
    return found


def _bare(text: str) -> bytes:
    digits = _BETWEEN.sub("", _PREFIX.sub("", _spelled(text)))
    wrong = _OTHER.search(digits)
    if wrong:
        raise UsageFault(f"{wrong[0]!r} is no hex digit: expected bytes such as 68 12 90 78, or - for standard input")
    if not digits:
        raise UsageFault("no bytes: expected hex such as 68 12 90 78, or - for standard input")
    if len(digits) % 2:
        raise UsageFault(f"{len(digits)} hex digits are no whole number of bytes: one digit is missing or too many")
    return bytes.fromhex(digits)


def _spelled(text: str) -> str:
    """Bytes as programs spell them, as two digits each."""
    return _SUFFIX.sub("", _PREFIXED.sub(lambda match: " " + match[1].zfill(2) + " ", text))


def _without_offsets(text: str) -> str:
    """A dump (xxd, hexdump -C, Wireshark) without its offsets, if they count up from 0 by 16, and its text column."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [_OFFSET.match(line) for line in lines]
    rows = []
    for number, match in enumerate(found):
        if match is None or int(match[1], 16) != number * _PER_LINE:
            end = number == len(found) - 1 and number and re.fullmatch(r"\s*[0-9A-Fa-f]{4,8}\s*", lines[number])
            if end:
                break  # hexdump ends with the length alone
            return text
        rows.append(_row(match[2]))
    return "\n".join(rows)


def _row(line: str) -> str:
    """Up to sixteen bytes from the beginning of `line`; behind two blanks or a bar stands text."""
    digits = ""
    for word in _ASCII.sub("", line).split() if len(_BETWEEN.sub("", line)) > 2 * _PER_LINE else line.split():
        if not _PAIRS.fullmatch(word) or len(digits) + len(word) > 2 * _PER_LINE:
            break
        digits += word
    return digits


def _of_line(line: str) -> bytes:
    """What looks like bytes in a line of a log. Raises `UsageFault` for a dump that lacks a digit."""
    text = _PREFIX.sub(" ", _DECIMAL.sub(" ", _STAMP_INSIDE.sub(" ", _spelled(line))))
    runs: list[list[str]] = [[]]
    for word in _WORD.findall(text):
        if _PAIRS.fullmatch(word):
            runs[-1].append(word)
        elif _LONG_ODD.fullmatch(word):
            raise UsageFault(f"{word[:12]}...: {len(word)} hex digits are no whole number of bytes")
        elif runs[-1]:
            runs.append([])
    kept = [run for run in runs if _is_dump(run, ends_line=run is runs[-1])]
    if any(not _is_number(run) for run in kept):
        kept = [run for run in kept if not _is_number(run)]
    return bytes.fromhex("".join(word for run in kept for word in run))


def _is_dump(run: list[str], ends_line: bool) -> bool:
    size = sum(map(len, run)) // 2
    return size >= _SHORTEST or (ends_line and size > 1 and all(len(word) == 2 for word in run))


def _is_number(run: list[str]) -> bool:
    """A meter's or a modem's number rather than bytes."""
    return len(run) == 1 and run[0].isdigit() and not run[0].startswith("68")
