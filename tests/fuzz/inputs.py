"""What is thrown at the codecs: pure noise seldom gets far, so most of it is nearly right."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from hypothesis import strategies as st

from protocols import models
from protocols.dlt645.frame import encode
from protocols.dlt645.words import SERVICES, SERVICES_1997
from protocols.modbus import rtu, tcp
from protocols.modbus.pdu import FUNCTIONS
from protocols.push.batch_encode import BatchBlock, ValueColumn, encode_batch

ADDRESSES: Final = st.sampled_from((bytes.fromhex("129078563412"), b"\xaa" * 6, b"\x99" * 6)) | st.binary(
    min_size=6, max_size=6
)
_FUNCTIONS_645: Final = sorted({*SERVICES, *SERVICES_1997, 0x05, 0x1F})
CONTROLS: Final = st.builds(
    lambda function, flags: function | flags,
    st.sampled_from(_FUNCTIONS_645),
    st.sampled_from((0x00, 0x80, 0xA0, 0xC0, 0xE0, 0x20)),
)
_FAMILIES: Final = st.sampled_from((0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x10, 0x1D, 0x1E))
_LOW: Final = st.sampled_from((0x00, 0x01, 0x02, 0x0A, 0x0C, 0x10, 0x30, 0x80, 0xFF)) | st.integers(0, 255)
CODES_2007: Final = st.tuples(_FAMILIES, _LOW, _LOW, _LOW).map(lambda di: bytes(di).hex().upper())
CODES_1997: Final = st.tuples(
    st.sampled_from("9ABCDE"), st.sampled_from("0123456789F"), st.sampled_from("0123456F"), st.sampled_from("01234EF")
).map("".join)
"""Identifiers as they are written."""

_DIGITS: Final = st.sampled_from((0x00, 0x01, 0x12, 0x22, 0x26, 0x59, 0x99, 0xFF, 0xAA, 0xA0, 0xE0, 0xE5, 0x7F, 0x80))
CONTENT: Final = st.lists(_DIGITS | st.integers(0, 255), max_size=60).map(bytes) | st.builds(
    lambda part, times: (part * times)[:255], st.binary(min_size=1, max_size=8), st.integers(1, 60)
)
"""Data bytes: mostly BCD, with the marks that blocks and records are made of."""


def _with_item(code: str, content: bytes) -> bytes:
    return (bytes.fromhex(code)[::-1] + content)[:255]


DATA: Final = CONTENT | st.builds(_with_item, CODES_2007 | CODES_1997, CONTENT)
FRAMES: Final = st.builds(encode, ADDRESSES, CONTROLS, DATA, st.sampled_from((b"", b"\xfe" * 4)))

PDUS: Final = st.builds(
    lambda function, rest: bytes((function,)) + rest,
    st.sampled_from(sorted(FUNCTIONS)).flatmap(lambda f: st.sampled_from((f, f | 0x80))),
    st.binary(max_size=12)
    | st.builds(lambda data: bytes((len(data),)) + data, st.binary(max_size=60))
    | st.builds(lambda head, data: head + bytes((len(data),)) + data, st.binary(min_size=4, max_size=8), CONTENT),
).map(lambda pdu: pdu[:253])
RTU_FRAMES: Final = st.builds(rtu.encode, st.integers(0, 255), PDUS)
TCP_FRAMES: Final = st.builds(tcp.encode, st.integers(0, 3), st.integers(0, 255), PDUS)

_NOISE: Final = st.binary(max_size=6) | st.sampled_from((b"\x68", b"\xfe\xfe", b"ping", b"\x16", b"\x00\x00\x00\x06"))
_PIECES: Final = FRAMES | RTU_FRAMES | TCP_FRAMES | _NOISE


def _damaged(stream: bytes, at: int, byte: int, cut: int) -> bytes:
    """One byte changed, the end cut off."""
    if stream:
        at %= len(stream)
        stream = stream[:at] + bytes((byte,)) + stream[at + 1 :]
    return stream[: len(stream) - cut] if cut else stream


WHOLE: Final = st.lists(_PIECES, max_size=6).map(b"".join)
STREAMS: Final = (
    WHOLE
    | st.binary(max_size=200)
    | st.builds(_damaged, WHOLE, st.integers(0, 2000), st.integers(0, 255), st.sampled_from((0, 0, 1, 3, 9)))
)
"""Frames of all protocols, glued, damaged and cut, with noise between."""
CUTS: Final = st.lists(st.integers(0, 400), max_size=8).map(sorted)

_TIMES: Final[st.SearchStrategy[object]] = st.sampled_from(
    (None, "2026-11-22T10:15:00+08:00", 1_794_000_000, 1_794_000_000_000, "2026-11-22", 0, -1, 10**30, True, [], "x")
)
_NAMES: Final = st.sampled_from(
    ("active_energy_import", "1-0:32.7.0", "active_power", "frequency", "status_word_1", "nonsense", "")
)
_NUMBERS: Final = st.sampled_from(
    ("0", "1", "-17", "123456.78", "1.5e3", "1e400", "null", "true", '"1.25"', '"x"', "{}", "[]", "9" * 40, "0.05")
) | st.integers(-(2**70), 2**70).map(str)
_WORDS: Final[st.SearchStrategy[object]] = st.sampled_from((None, "M-1", "", 17, -1, True, [], "123456789012", "a\0b"))


def _json(values: dict[str, str] | dict[str, list[str]], columns: bool, rest: dict[str, object]) -> bytes:
    held = ",".join(
        f"{json.dumps(name)}:{number if isinstance(number, str) else '[' + ','.join(number) + ']'}"
        for name, number in values.items()
    )
    return f'{{"{"columns" if columns else "values"}":{{{held}}},{json.dumps(rest)[1:]}'.encode()


_REST: Final = st.fixed_dictionaries(
    {"meter": _WORDS},
    optional={
        "time": _TIMES,
        "address": _WORDS,
        "line": _WORDS,
        "meters": st.lists(st.sampled_from(("A", "B", "", "\0")), max_size=3),
        "addresses": st.lists(_WORDS, max_size=3),
        "times": st.lists(_TIMES, max_size=3),
        "decimals": st.dictionaries(_NAMES, st.sampled_from((0, 2, 18, -1, 10**9)), max_size=2),
        "units": st.dictionaries(_NAMES, st.sampled_from(("kWh", "Wh", "W", "", 1)), max_size=2),
        "quality": st.dictionaries(_NAMES, st.sampled_from((0, 1, "good", "not_available", [1, 0], 9)), max_size=2),
    },
)
_DOCUMENTS: Final = st.builds(
    _json,
    st.dictionaries(_NAMES, _NUMBERS, max_size=4) | st.dictionaries(_NAMES, st.lists(_NUMBERS, max_size=3), max_size=4),
    st.booleans(),
    _REST,
) | st.builds(
    lambda stream, name, time: json.dumps({name: stream.hex(), "time": time}).encode(),
    STREAMS,
    st.sampled_from(("data", "frames")),
    _TIMES,
)


def _batch(layout: int, numbers: list[int], meters: list[str], time_ms: int) -> bytes:
    meter = np.arange(len(numbers)) % max(len(meters), 1)
    times = np.full(len(numbers), 1000 * time_ms)
    columns = [ValueColumn(0, np.array(numbers, np.int64), 2), ValueColumn(3, np.array(numbers, np.int64))]
    return encode_batch([BatchBlock(layout, meter, times, columns)], names=meters)


_BATCHES: Final = st.builds(
    _batch,
    st.integers(0, 9),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6),
    st.lists(st.sampled_from(("A", "B", "")), max_size=3),
    st.sampled_from((1_794_000_000_000, 0, 2**52)),
)


def _sealed(batch: bytes) -> bytes:
    """With the CRC of whatever the bytes have become."""
    return batch[:-4] + zlib.crc32(batch[:-4]).to_bytes(4, "little")


_SOUND: Final = (
    STREAMS
    | STREAMS.map(lambda stream: stream.hex(" ").encode())
    | _DOCUMENTS
    | st.lists(_DOCUMENTS, max_size=3).map(lambda parts: b"[" + b",".join(parts) + b"]")
    | _BATCHES
)
_HURT: Final = st.builds(_damaged, _SOUND, st.integers(0, 2000), st.integers(0, 255), st.sampled_from((0, 0, 1, 3)))
_RESEALED: Final = st.builds(_damaged, _BATCHES, st.integers(0, 200), st.integers(0, 255), st.just(0)).map(_sealed)
PUSHED: Final = _SOUND | _HURT | _RESEALED
"""Payloads of every form, sound and damaged."""

_JUNK: Final = st.sampled_from(
    (
        "",
        "0",
        "-1",
        "70000",
        '""',
        '"x"',
        '"1e999"',
        '"nan"',
        "true",
        "[]",
        "[1]",
        "{}",
        "1.5",
        "nan",
        "2026-11-22",
        "=",
    )
) | st.text(max_size=8)


def model_texts() -> st.SearchStrategy[str]:
    """Text that is none, and shipped model files with lines lost, doubled, moved and given other values."""
    folder = Path(models.__path__[0])
    texts = [file.read_text(encoding="utf-8").splitlines()[:80] for file in sorted(folder.glob("*.toml"))]
    change = st.tuples(st.sampled_from(("drop", "double", "value", "swap", "line")), st.integers(0, 79), _JUNK)
    return st.text(max_size=60) | st.builds(_changed, st.sampled_from(texts), st.lists(change, max_size=4))


def _changed(lines: list[str], changes: list[tuple[str, int, str]]) -> str:
    lines = list(lines)
    for what, at, junk in changes:
        at %= len(lines)
        if what == "drop" and len(lines) > 1:
            del lines[at]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "value":
            lines[at] = f"{lines[at].partition('=')[0]}= {junk}"
        elif what == "swap":
            lines[at], lines[-1 - at] = lines[-1 - at], lines[at]
        elif what == "line":
            lines.insert(at, junk)
    return "\n".join(lines)
