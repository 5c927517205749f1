"""NEM12 and NEM13 against their words, and against what a receiver would refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import numpy as np
import pytest

from analytics.billing.exports import nem12, nem13
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.formats import REGISTERS
from analytics.billing.exports.manifest import Digest, Tally, encoded
from analytics.billing.exports.nem import check_digit, nmi_problem
from analytics.billing.exports.nem13 import Consumption, RegisterRead
from analytics.billing.exports.series import Channel, Flag, Quality, Series, Visit
from analytics.billing.exports.verify import nem12 as check12
from analytics.billing.exports.verify import nem13 as check13
from tests.analytics.billing.exports.made import START, SUBSTITUTED, alone, batch, channel, checked, codes, series

PUBLISHED = {
    "2001985732": 8, "2001985733": 6, "3075621875": 8, "3075621876": 6, "4316854005": 9, "4316854006": 7,
    "6305888444": 6, "6350888444": 2, "7001888333": 8, "7102000001": 7, "NAAAMYS582": 6, "NBBBX11110": 0,
    "NCCC519495": 5, "NGGG000055": 4, "QAAAVZZZZZ": 3, "QCDWW00010": 2,
}  # fmt: skip
"""Sample NMIs of AEMO's NMI Procedure with their check digits."""


@pytest.mark.parametrize(("nmi", "digit"), PUBLISHED.items())
def test_check_digits_are_the_published_ones(nmi: str, digit: int) -> None:
    assert check_digit(nmi) == digit
    assert nmi_problem(f"{nmi}{digit}") is None
    assert nmi_problem(f"{nmi}{(digit + 1) % 10}") is not None


@pytest.mark.parametrize("nmi", ["", "200198573", "2001985O32", "2001I85732", "200198573x", "2001985732 8"])
def test_what_is_no_nmi(nmi: str) -> None:
    assert nmi_problem(nmi) is not None


def day(flag: list[int], flags: tuple[Flag, ...]) -> bytes:
    return b"".join(nem12.write(alone([series(channel(nmi="20019857328"), list(range(48)), flag, flags)]), batch(1)))


def test_a_day_of_two_qualities_in_full() -> None:
    values = ",".join(f"0.{at:03d}" for at in range(48))
    text = day([0] * 9 + [1] * 3 + [0] * 36, (Flag(), SUBSTITUTED))
    assert text.decode().split("\r\n") == [
        "100,NEM12,202602020300,MDP1,RETAILER1",
        "200,2001985732,E1B1,001,E1,N1,M-77,KWH,30,",
        f"300,20260201,{values},V,,,20260202030000,",
        "400,1,9,A,,",
        "400,10,12,S14,76,Communications fault",
        "400,13,48,A,,",
        "900",
        "",
    ]


def test_a_visit_stands_below_its_day() -> None:
    one = series(channel(), [1] * 96)
    at = int((START + timedelta(hours=30)).timestamp())
    visited = Series(one.channel, one.start, one.value, one.flag, one.flags, visits=(Visit(at, "S", "RSO1", "12.5"),))
    lines = b"".join(nem12.write(alone([visited]), batch())).decode().split("\r\n")
    assert lines[4] == "500,S,RSO1,20260202060000,12.5"
    assert check12.check(BytesIO("\r\n".join(lines).encode())).findings == []
    far = Visit(at + 10**6, "S")
    with pytest.raises(ExportFault, match="a day that is not exported"):
        list(
            nem12.write(alone([Series(one.channel, one.start, one.value, one.flag, one.flags, visits=(far,))]), batch())
        )


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        (Flag(Quality.ACTUAL, "14"), "A has no method"),
        (Flag(Quality.ESTIMATED), "needs a method"),
        (Flag(Quality.ESTIMATED, "61", "76"), "no reason code"),
        (Flag(Quality.SUBSTITUTED, "14"), "needs a reason"),
        (Flag(Quality.FINAL, "1x", "76"), "needs a method"),
        (Flag(Quality.FINAL, "14", "0"), "needs a description"),
        (Flag(Quality.FINAL, "14", "200"), "no reason code"),
        (Flag(Quality.FINAL, "14", "0", "a, b"), "comma"),
    ],
)
def test_flags_that_the_market_refuses(flag: Flag, problem: str) -> None:
    with pytest.raises(ExportFault, match=problem):
        day([0] * 48, (flag,))


def test_gaps_are_refused_and_never_zero() -> None:
    whole = series(channel(), [1] * 96)
    gap = np.delete(np.arange(96), 50)
    with pytest.raises(ExportFault, match=r"1 of 48 intervals of 20260202"):
        list(nem12.write(alone([Series(whole.channel, whole.start[gap], whole.value[gap], whole.flag[gap])]), batch()))


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (series(channel(), [-1] * 48), "below zero"),
        (series(channel(), [1] * 48, start=START + timedelta(minutes=10)), "step of the day"),
        (series(channel(step_s=3600), [1] * 24), "expected 5, 15 or 30 min"),
        (series(channel(nmi="2001985O32"), [1] * 48), "O or I"),
        (series(channel(nmi="20019857321"), [1] * 48), "check digit"),
        (series(Channel("P1", "M", "1-0:1.8.0", "kWh", 3, 1800), [1] * 48), "no NMI"),
    ],
)
def test_series_that_do_not_fit(bad: Series, problem: str) -> None:
    with pytest.raises(ExportFault, match=problem):
        list(nem12.write(alone([bad]), batch()))


SOUND = day([0] * 9 + [1] * 3 + [0] * 36, (Flag(), SUBSTITUTED)).decode()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("0.005,", "", "count"),
        ("0.005,", "0.005,0.005,", "count"),
        ("0.005,", "-0.005,", "value"),
        ("0.005,", "5e-3,", "value"),
        ("0.005,", ",", "value"),
        ("0.005,", "0.0051,", "decimals"),
        ("400,10,12", "400,11,12", "cover"),
        ("400,10,12", "400,9,12", "cover"),
        ("400,13,48", "400,13,49", "cover"),
        ("400,13,48", "400,13,47", "cover"),
        ("400,13,48,A,,\r\n", "", "cover"),
        ("S14,76", "S,76", "quality"),
        ("S14,76", "S14,", "quality"),
        (",V,,", ",V,76,", "quality"),
        (",V,,", ",A,,", "order"),
        ("2001985732", "200198573", "nmi"),
        ("KWH", "KW/H", "unit"),
        (",30,\r\n", ",20,\r\n", "interval"),
        ("E1B1", "B1Q1", "suffix"),
        ("300,20260201", "300,20260231", "time"),
        ("900\r\n", "", "end"),
        ("900\r\n", "900\r\n900\r\n", "end"),
        ("\r\n300", "\n300", "ending"),
        ("100,NEM12", "100,NEM13", "header"),
        ("100,NEM12", "200,NEM12", "header"),
        ("\n300,", "\n301,", "record"),
        ("900\r\n", "500,Q,,20260201000000,\r\n900\r\n", "transaction"),
    ],
)
def test_the_checker_finds(old: str, new: str, code: str) -> None:
    assert check12.check(BytesIO(SOUND.encode())).findings == []
    assert old in SOUND
    assert code in codes(check12.check(BytesIO(SOUND.replace(old, new, 1).encode())))


def test_the_checker_finds_days_twice_and_out_of_order() -> None:
    lines = b"".join(nem12.write(alone([series(channel(), [1] * 96)]), batch())).decode().split("\r\n")
    twice = [*lines[:4], lines[3], *lines[4:]]
    assert codes(check12.check(BytesIO("\r\n".join(twice).encode()))) == {"twice"}
    turned = [*lines[:2], lines[3], lines[2], *lines[4:]]
    assert codes(check12.check(BytesIO("\r\n".join(turned).encode()))) == {"order"}


def test_garbage_gives_findings_only() -> None:
    for garbage in (b"", b"\x00\xff\r\n", b"100\r\n200\r\n300,1\r\n400\r\n500\r\n900", b",,,\r\n" * 5):
        assert check12.check(BytesIO(garbage)).findings
        assert check13.check(BytesIO(garbage)).findings


def consumption(quantity: int = 884_000, direction: str = "E", previous: str = "0000964.00") -> Consumption:
    start, end = datetime(2004, 9, 30, 14, tzinfo=UTC), datetime(2005, 1, 1, 6, 12, tzinfo=UTC)
    current = RegisterRead("0001848.00", end, Flag(Quality.SUBSTITUTED, "51", "9"), "N", "RSO")
    return Consumption(channel(suffix="11"), direction, RegisterRead(previous, start), current, quantity)


def test_a_register_read_in_full_and_checked() -> None:
    names = REGISTERS["nem13"]
    tally, digest = Tally(batch(), names.named), Digest("B.nem13.csv")
    data = b"".join(digest.through(names.write(tally.consumptions([consumption()]), batch())))
    assert data.decode().split("\r\n") == [
        "100,NEM13,202602030300,MDP1,RETAILER1",
        "250,2001985732,E1B1,001,11,N1,M-77,E,0000964.00,20041001000000,A,,,0001848.00,20050101161200,S51,9,,"
        "884.000,KWH,,20260203030000,",
        "550,,,N,RSO",
        "900",
        "",
    ]
    found = checked(encoded(tally.content((names.name, names.version), [digest])), {"B.nem13.csv": data})
    assert found.findings == []
    assert found.sums[("2001985732", "11", "001")].total == Decimal(884)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (",E,", ",X,", "direction"),
        ("0000964.00", "x", "value"),
        ("884.000", "884.0000", "value"),
        ("20041001000000", "20051001000000", "time"),
        ("S51,9", "V,9", "quality"),
        ("550,,,N", "550,,,Q", "transaction"),
        ("20260203030000,\r\n", "\r\n", "fields"),
        ("KWH", "pints", "unit"),
    ],
)
def test_the_checker_of_registers_finds(old: str, new: str, code: str) -> None:
    sound = b"".join(nem13.write([consumption()], batch())).decode()
    assert check13.check(BytesIO(sound.encode())).findings == []
    assert old in sound
    assert code in codes(check13.check(BytesIO(sound.replace(old, new, 1).encode())))


@pytest.mark.parametrize("bad", [consumption(direction="X"), consumption(previous="-5"), consumption(previous="5 kWh")])
def test_register_reads_that_do_not_fit(bad: Consumption) -> None:
    with pytest.raises(ExportFault):
        list(nem13.write([bad], batch()))


def test_a_quantity_below_zero_takes_back_an_estimate() -> None:
    data = b"".join(nem13.write([consumption(-1_490_000)], batch()))
    assert b",-1490.000,KWH," in data
    assert check13.check(BytesIO(data)).findings == []
