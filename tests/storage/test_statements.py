"""Named statements and the binary COPY stream."""

from __future__ import annotations

import struct
from importlib import resources

import pytest

from storage.columns import CaptureColumns
from storage.copy_format import payload
from storage.statements import load, parse
from tests.storage.captures import GOOD, NA, T0, capture


def test_names_and_comments() -> None:
    text = "-- head\n-- name: one\nSELECT 1; -- kept\n\n-- about two\n-- name: two\nSELECT\n2;\n"
    assert parse(text) == {"one": b"SELECT 1; -- kept", "two": b"SELECT\n2;"}
    with pytest.raises(ValueError, match="one"):
        parse("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")


def test_every_file_of_queries_loads() -> None:
    files = [entry.name for entry in (resources.files("storage") / "queries").iterdir() if entry.name.endswith(".sql")]
    assert len(files) >= 4
    for name in files:
        statements = load(name.removesuffix(".sql"))
        assert statements
        assert all(statement.endswith(b";") for statement in statements.values())


def test_a_copy_stream_byte_by_byte() -> None:
    one = capture(7, values=(1, None, -1), quality=(GOOD, NA))
    whole = capture(8, layout=4, values=range(8))
    stream = payload(CaptureColumns.from_captures([one, whole]))
    time_us, received_us = 825_681_600_000_000, 825_681_603_000_000  # since 2000-01-01 UTC

    def row(meter_id: int, layout: int, *nullable: int | None) -> bytes:
        head = struct.pack(">hiiihihiqiq", 14, 4, meter_id, 2, layout, 2, 1, 8, time_us, 8, received_us)
        return head + b"".join(struct.pack(">i", -1) if v is None else struct.pack(">iq", 8, v) for v in nullable)

    expected = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    expected += row(7, 1, 1, None, -1, None, None, None, None, None, 256)
    expected += row(8, 4, *range(8), None) + b"\xff\xff"
    assert T0.isoformat() == "2026-03-01T12:00:00+00:00"
    assert stream == expected


def test_a_stream_of_one_pattern_of_nulls_is_the_same_as_of_mixed_ones() -> None:
    same, other = [capture(n, values=(n, None, n)) for n in (1, 2)], capture(3)
    alone = payload(CaptureColumns.from_captures(same))
    mixed = payload(CaptureColumns.from_captures([*same, other]))
    assert mixed.startswith(alone[:-2])
    assert payload(CaptureColumns.from_captures([])) == alone[:19] + b"\xff\xff"
