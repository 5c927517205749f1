"""The compact batch: what was encoded is decoded, byte by byte as it is written down, and what is damaged is told."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.model import POSITIONS, Quality
from protocols.push.arrivals import MeterKey
from protocols.push.batch_encode import BatchBlock, ValueColumn, encode_batch
from protocols.push.batch_format import CRC, HEAD, OWN_DECIMALS
from protocols.push.batch_plain import PlainBlocks
from protocols.push.reasons import Reason
from protocols.push.times import epoch_us
from protocols.quantities import LAYOUTS
from tests.protocols.push.messages import (
    METER,
    OTHER,
    RECEIVED,
    Told,
    at,
    decoded,
    decoder,
    good,
    keys_of,
    message,
    reasons,
    told,
)

WHEN: Final = at("2026-11-22T02:15:00Z")
_US: Final = epoch_us(WHEN)


def _ints(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


def _block(*columns: ValueColumn, meter: int = 0, layout: int = 1) -> BatchBlock:
    return BatchBlock(layout, np.array([meter]), _ints(_US), columns)


ENERGY: Final = _block(ValueColumn(0, _ints(12345678), 2))
BATCH: Final = encode_batch([ENERGY], addresses=[METER])


def test_the_bytes_as_they_are_written_down() -> None:
    body = bytes.fromhex(
        "48455342" "01" "03" "0100" "0100" "0000" "54000000"  # HESB, version, digits, 1 meter, 1 block, 0, 84 bytes
        "123456789012"
        "32000000" "0100" "01" "00" "01000000"  # 50 bytes, layout 1, position 0, one capture
        "00" "0000000000000000"  # meter 0
        "00" "20D3339A9E010000"  # 1,781,... ms
        "00" "02" "00" "4E61BC0000000000"  # two decimals, 12345678
    )  # fmt: skip
    body = body.replace(bytes.fromhex("20D3339A9E010000"), struct.pack("<q", _US // 1000))
    body = body.replace(bytes.fromhex("54000000"), struct.pack("<I", len(body) + 4))
    size = len(body) - HEAD.size - 6
    body = body.replace(bytes.fromhex("32000000"), struct.pack("<I", size))
    assert body + struct.pack("<I", zlib.crc32(body)) == BATCH
    assert decoded(BATCH, "batch") == ([good("active_energy_import", "123456.78", WHEN)], [])


def test_whose_it_is() -> None:
    names = encode_batch([_block(*ENERGY.columns, meter=1)], names=["A", "楼1"])
    units = encode_batch([ENERGY], addresses=["17", "123456789012"])
    nobody = encode_batch([ENERGY], names=["", "B"])
    plain = encode_batch([ENERGY])
    arrivals = decoder("batch").decode(
        [
            message(BATCH, line="l", meter="not this"),
            message(names),
            message(units),
            message(plain, meter="T"),
            message(plain, address=OTHER, line="l"),
            message(plain),
            message(nobody),
        ]
    )
    assert keys_of(arrivals) == [
        MeterKey("", METER, "l"),
        MeterKey("楼1"),
        MeterKey("", "17"),
        MeterKey("T"),
        MeterKey("", OTHER, "l"),
    ]
    assert reasons(arrivals) == [(5, Reason.NO_METER), (6, Reason.NO_METER)]


def test_holes_and_quality() -> None:
    columns = (
        ValueColumn(0, _ints(1, 0), present=np.array([True, False])),
        ValueColumn(1, _ints(0, 7), present=np.array([False, True]), quality=np.array([1, 0], np.uint8)),
    )
    batch = encode_batch([BatchBlock(4, np.array([0, 1]), _ints(_US, _US), columns)], names=["A", "B"])
    assert decoded(batch, "batch") == (
        sorted(
            [
                good("voltage_l1", "0.001", WHEN, "A"),
                Told("A", "voltage_l2", WHEN, None, Quality.NOT_AVAILABLE),
                good("voltage_l2", "0.007", WHEN, "B"),
            ],
            key=str,
        ),
        [],
    )


def test_numbers_are_scaled_exactly() -> None:
    columns = [
        ValueColumn(0, _ints(15), 1),
        ValueColumn(1, _ints(5), 5),
        ValueColumn(2, _ints(15), 5),
        ValueColumn(3, _ints(2**62), 0),
        ValueColumn(4, _ints(-(2**63)), 18),
        ValueColumn(5, _ints(2**63 - 1)),
    ]
    values, rejected = decoded(encode_batch([_block(*columns)], names=["A"]), "batch")
    assert values == sorted(
        [
            good("active_energy_import", "1.5", WHEN, "A"),
            good("active_energy_import_t1", "0", WHEN, "A"),
            good("active_energy_import_t2", "0.0002", WHEN, "A"),
            Told("A", "active_energy_import_t3", WHEN, None, Quality.OUT_OF_RANGE),
            good("active_energy_import_t4", "-9.2234", WHEN, "A"),
            good("active_energy_export", "922337203685477.5807", WHEN, "A"),
        ],
        key=str,
    )
    assert rejected == []


_NUMBERS: Final = st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-300, 70_000)


@st.composite
def blocks(draw: st.DrawFn) -> BatchBlock:
    layout = draw(st.sampled_from(LAYOUTS))
    count = draw(st.integers(1, 20))
    columns = []
    for position in sorted(draw(st.sets(st.integers(0, len(layout.quantities) - 1), min_size=1))):
        numbers = _ints(*draw(st.lists(_NUMBERS, min_size=count, max_size=count)))
        present = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
        quality = np.where(present, 0, draw(st.integers(0, 2))).astype(np.uint8)
        columns.append(ValueColumn(position, numbers, OWN_DECIMALS, present, quality))
    seconds = draw(st.lists(st.integers(0, 10**8), min_size=count, max_size=count))
    meter = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return BatchBlock(layout.id, np.array(meter), _US - _ints(*seconds) * 1_000_000, columns)


@settings(max_examples=40)
@given(sent=st.lists(blocks(), max_size=3), kind=st.sampled_from(["names", "addresses"]))
def test_what_was_encoded_is_decoded(sent: list[BatchBlock], kind: str) -> None:
    meters = ["000000000001", "000000000002", "000000000003"]
    batch = encode_batch(sent, names=meters) if kind == "names" else encode_batch(sent, addresses=meters)
    arrivals = decoder("batch").decode([message(batch)])
    assert {reject.reason for reject in arrivals.rejects} <= {Reason.NOTHING_TO_STORE}
    row = 0
    for block in sent:
        for capture in range(len(block.meter)):
            held = {column.position: column for column in block.columns}
            said = [c for c in block.columns if c.present is None or c.present[capture] or c.quality[capture]]  # type: ignore[index]
            if not said:
                continue
            key = arrivals.keys[arrivals.key[row]]
            assert (key.name or key.address) == meters[block.meter[capture]]
            assert (arrivals.layout[row], arrivals.time_us[row]) == (block.layout, block.time_us[capture])
            for position in range(POSITIONS):
                column = held.get(position)
                present = column is not None and column.present is not None and bool(column.present[capture])
                assert arrivals.present[row, position] == present
                assert arrivals.values[row, position] == (column.numbers[capture] if column and present else 0)
                quality = column.quality[capture] if column and column.quality is not None else 0
                assert arrivals.quality[row, position] == quality
            row += 1
    assert row == len(arrivals)


@st.composite
def full_blocks(draw: st.DrawFn) -> BatchBlock:
    """A value in every place, with any decimals."""
    layout = draw(st.sampled_from(LAYOUTS))
    count = draw(st.integers(1, 5))
    columns = [
        ValueColumn(
            position,
            _ints(*draw(st.lists(_NUMBERS, min_size=count, max_size=count))),
            draw(st.sampled_from([OWN_DECIMALS, 0, 4, 18])),
        )
        for position in sorted(draw(st.sets(st.integers(0, len(layout.quantities) - 1))))
    ]
    meter = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    seconds = draw(st.lists(st.integers(0, 100_000), min_size=count, max_size=count))
    return BatchBlock(layout.id, np.array(meter), _US - _ints(*seconds) * 1_000_000, columns)


@settings(max_examples=100)
@given(st.lists(st.lists(full_blocks() | blocks(), max_size=3), min_size=1, max_size=4))
def test_full_blocks_are_read_together_as_each_by_itself(sent: list[list[BatchBlock]]) -> None:
    messages = [message(encode_batch(told, names=["A", "", "C"])) for told in sent]
    together = decoder("batch").decode(messages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainBlocks, "add", lambda *_: False)
        alone = decoder("batch").decode(messages)
    assert sorted(together.rejects) == sorted(alone.rejects)
    assert together.keys == alone.keys
    for column in ("message", "key", "layout", "time_us", "values", "present", "quality"):
        assert getattr(together, column).tolist() == getattr(alone, column).tolist(), column


def _resealed(batch: bytes, at_byte: int, new: bytes) -> bytes:
    """Some bytes changed, the CRC right again."""
    body = (batch[:at_byte] + new + batch[at_byte + len(new) :])[: -CRC.size]
    return body + CRC.pack(zlib.crc32(body))


_FIRST: Final = HEAD.size + 6


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.BAD_FORM),
        (b"HESB", Reason.BAD_FORM),
        (b"X" + BATCH[1:], Reason.BAD_FORM),
        (BATCH[:-1], Reason.BAD_FORM),
        (BATCH + b"\0", Reason.BAD_FORM),
        (BATCH[:30] + b"\xff" + BATCH[31:], Reason.BAD_CHECK_SUM),
        (_resealed(BATCH, 4, b"\x02"), Reason.BAD_FORM),
        (_resealed(BATCH, 5, b"\x04"), Reason.BAD_FORM),
        (_resealed(BATCH, 6, b"\xff\xff"), Reason.BAD_FORM),
        (_resealed(BATCH, 8, b"\x00"), Reason.NOTHING_TO_STORE),
        (_resealed(BATCH, HEAD.size, b"\xaa"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST, b"\xff"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST, b"\x04"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST + 4, b"\x63"), Reason.UNKNOWN_LAYOUT),
        (_resealed(BATCH, _FIRST + 6, b"\x80"), Reason.UNKNOWN_LAYOUT),
        (_resealed(BATCH, _FIRST + 6, b"\x03"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST + 6, b"\x00"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST + 8, b"\xff\xff\xff\xff"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST + 12, b"\x03"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST + 13, b"\x01"), Reason.NO_METER),
        (_resealed(BATCH, _FIRST + 21, b"\x00" + bytes(8)), Reason.ABSURD_TIME),
        (_resealed(BATCH, _FIRST + 22, b"\xff" * 7 + b"\x7f"), Reason.ABSURD_TIME),
        (_resealed(BATCH, _FIRST + 22, bytes(7) + b"\x80"), Reason.ABSURD_TIME),
        (_resealed(BATCH, _FIRST + 30, b"\x04"), Reason.BAD_FORM),
        (_resealed(BATCH, _FIRST + 31, b"\x13"), Reason.BAD_FORM),
        (encode_batch([_block(ValueColumn(0, _ints(1), quality=np.array([1], np.uint8)))], ["A"]), Reason.BAD_QUALITY),
        (
            encode_batch(
                [_block(ValueColumn(0, _ints(0), present=np.array([False]), quality=np.array([3], np.uint8)))], ["A"]
            ),
            Reason.BAD_QUALITY,
        ),
    ],
)
def test_what_gives_nothing_says_why(payload: bytes, reason: Reason) -> None:
    arrivals = decoder("batch").decode([message(BATCH), message(payload), message(BATCH)])
    assert reasons(arrivals) == [(1, reason)]
    assert told(arrivals, 0) == told(arrivals, 2) == [good("active_energy_import", "123456.78", WHEN)]
    assert told(arrivals, 1) == []


def test_a_bad_block_costs_itself() -> None:
    odd = BatchBlock(99, np.array([0]), _ints(_US), ENERGY.columns)
    late = BatchBlock(1, np.array([0]), _ints(0), ENERGY.columns)
    values, rejected = decoded(encode_batch([odd, ENERGY, late], addresses=[METER]), "batch")
    assert values == [good("active_energy_import", "123456.78", WHEN)]
    assert rejected == [Reason.UNKNOWN_LAYOUT, Reason.ABSURD_TIME]


def test_what_stands_before_a_block_that_is_lacking_is_kept() -> None:
    values, rejected = decoded(_resealed(BATCH, 8, b"\x02"), "batch")
    assert (values, rejected) == ([good("active_energy_import", "123456.78", WHEN)], [Reason.BAD_FORM])


def test_a_block_has_a_byte_a_capture_at_least() -> None:
    """Or a small message could ask for any amount of memory."""
    same = np.zeros(5000, np.int64)
    batch = encode_batch([BatchBlock(1, same, same + _US, [ValueColumn(0, same + 5)])], names=["A"])
    assert len(batch) > 5000
    assert len(decoder("batch").decode([message(batch)])) == 5000
    small = encode_batch([_block(ValueColumn(0, _ints(5)))], names=["A"])
    grown = _resealed(small, HEAD.size + 2 + 8, struct.pack("<I", 5000))
    assert decoded(grown, "batch") == ([], [Reason.BAD_FORM])


def test_what_no_batch_can_hold() -> None:
    for blocks_, names, addresses in (
        ([ENERGY], ["A"], ["1"]),
        ([ENERGY], ["A" * 256], []),
        ([_block(meter=1)], ["A"], []),
        ([BatchBlock(1, np.array([0]), _ints(_US + 1))], ["A"], []),
        ([_block(ValueColumn(0, _ints(1)), ValueColumn(0, _ints(1)))], ["A"], []),
        ([_block(ValueColumn(0, _ints(1, 2)))], ["A"], []),
    ):
        with pytest.raises(ValueError):
            encode_batch(blocks_, names, addresses)


def test_received_is_not_needed() -> None:
    assert decoded(BATCH, "batch", time="received")[0][0].time == WHEN
    assert WHEN != RECEIVED
