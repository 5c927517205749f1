"""Green Button feeds: their parts, links and identifiers, and what our checker finds. With the official schema, where
`HEADEND_ESPI_SCHEMA` names it (docs/exports.md), the whole feed is held against it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from analytics.billing.exports import espi, espi_codes, summer_time
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.series import Channel, Flag, Quality, Series
from analytics.billing.exports.verify import espi as check
from tests.analytics.billing.exports.made import START, alone, batch, channel, codes, series, two_points

OWN_SCHEMA = Path(__file__).parent / "feed_subset.xsd"
NAMES = {"a": "http://www.w3.org/2005/Atom", "e": "http://naesb.org/espi"}


def feed(*of: Series) -> bytes:
    return b"".join(espi.write(alone(of or two_points()), batch()))


@pytest.mark.parametrize(
    ("zone", "begin", "end", "ahead", "offset"),
    [
        ("America/Los_Angeles", "360E2000", "B40E2000", 3600, -28800),
        ("Europe/Berlin", "3E0E2000", "AE0E3000", 3600, 3600),
        ("Australia/Sydney", "A40E2000", "440E3000", 3600, 36000),
        ("Australia/Brisbane", "FFFFFFFF", "FFFFFFFF", 0, 36000),
        ("Asia/Shanghai", "FFFFFFFF", "FFFFFFFF", 0, 28800),
    ],
)
def test_summer_time_as_a_rule(zone: str, begin: str, end: str, ahead: int, offset: int) -> None:
    """The first is in every Green Button sample of California; the others by the encoding in the schema's words."""
    assert summer_time.of(ZoneInfo(zone), 2026) == summer_time.SummerTime(begin, end, ahead, offset)


def test_the_tree_of_a_feed() -> None:
    root = ElementTree.fromstring(feed())
    found = [entry.find("a:content", NAMES)[0].tag.partition("}")[2] for entry in root.findall("a:entry", NAMES)]  # type: ignore[index]
    # Two days of UTC+10 lie on three days of Sydney's summer time.
    first, further = ["UsagePoint"], ["MeterReading", "ReadingType", *["IntervalBlock"] * 3]
    assert found == ["LocalTimeParameters", *first, *further, *further, *first, *further]
    links = {link.get("href") for link in root.findall("a:entry/a:link[@rel='self']", NAMES)}
    assert len(links) == len(found)


def test_one_reading_in_full() -> None:
    flags = (Flag(), Flag(Quality.SUBSTITUTED, "17", "76"))
    text = feed(series(channel(), [1234, 5], [0, 1], flags)).decode()
    assert (
        "<IntervalReading><timePeriod><duration>1800</duration><start>1769868000</start></timePeriod>"
        "<value>1234</value></IntervalReading>\n"
        "<IntervalReading><ReadingQuality><quality>9</quality></ReadingQuality>"
        "<timePeriod><duration>1800</duration><start>1769869800</start></timePeriod><value>5</value></IntervalReading>"
    ) in text
    assert "<flowDirection>1</flowDirection><intervalLength>1800</intervalLength><kind>12</kind>" in text
    assert "<powerOfTenMultiplier>0</powerOfTenMultiplier><timeAttribute>0</timeAttribute><uom>72</uom>" in text


@pytest.mark.parametrize(
    ("unit", "decimals", "power", "more"),
    [("kWh", 0, 3, 0), ("kWh", 3, 0, 0), ("kWh", 6, -3, 0), ("kWh", 7, -6, 2), ("MWh", 2, 3, 1)],
)
def test_powers_of_ten_are_those_that_have_a_code(unit: str, decimals: int, power: int, more: int) -> None:
    assert espi_codes.scale(Channel("P", "M", "1-0:1.8.0", unit, decimals, 900)) == espi_codes.Scale(power, more, "Wh")


def test_blocks_end_at_gaps_and_hold_no_zero_for_them() -> None:
    whole = series(channel(), [5] * 40)
    kept = np.delete(np.arange(40), [10, 11])
    found = check.check(BytesIO(feed(Series(whole.channel, whole.start[kept], whole.value[kept], whole.flag[kept]))))
    assert found.findings == []
    assert [one.reads for one in found.sums.values()] == [38]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ((series(channel(decimals=0), [2**47]),), "48 bits"),
        ((series(Channel("P", "M", "1-0:32.7.0", "V", 1, 900), [1]),), "no unit V"),
        ((series(channel(), [1]), series(channel("P2"), [1]), series(channel(), [1])), "again"),
        ((series(channel(), [1]), series(channel(suffix="B1"), [1]), series(channel(), [1])), "again"),
    ],
)
def test_series_that_do_not_fit(bad: tuple[Series, ...], problem: str) -> None:
    with pytest.raises(ExportFault, match=problem):
        feed(*bad)


def test_names_are_escaped() -> None:
    odd = Channel("<P> & Söhne", "M", "1-0:1.8.0", "kWh", 3, 1800)
    found = check.check(BytesIO(feed(series(odd, [1]))))
    assert found.findings == []
    assert list(found.sums) == [("<P> & Söhne", "1-0:1.8.0")]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<value>7</value>", "<value>7.5</value>", "value"),
        ("<value>7</value>", f"<value>{2**47}</value>", "value"),
        ("<start>1769869800</start>", "<start>1769869801</start>", "gap"),
        ("<start>1769869800</start>", "<start>1769868000</start>", "order"),
        ("<interval><duration>", "<interval><duration>1", "interval"),
        ("<timePeriod><duration>1800", "<timePeriod><duration>900", "interval"),
        ("<intervalLength>1800", "<intervalLength>900", "interval"),
        ("<quality>8<", "<quality>5<", "quality"),
        ("<uom>72<", "<uom>999<", "type"),
        ("<dstEndRule>", "<dstEndRule>x", "rule"),
        ("<published>", "<published>x", "time"),
        ("<id>urn:uuid:", "<id>urn:", None),
        ('rel="up" href="', 'rel="up" href="x', "link"),
        ("</feed>", "", "xml"),
        ("<feed ", "<!DOCTYPE x []><feed ", "xml"),
        ('<feed xmlns="http://www.w3.org/2005/Atom">', '<feed xmlns="http://other">', "header"),
    ],
)
def test_the_checker_finds(old: str, new: str, code: str | None) -> None:
    text = feed().decode()
    assert old in text
    at = text.rindex(old) if code is None else text.index(old)  # the first id is the feed's, which nothing refers to
    changed = text[:at] + new + text[at + len(old) :]
    assert check.check(BytesIO(text.encode())).findings == []
    assert (code or "id") in codes(check.check(BytesIO(changed.encode())))


def test_the_checker_finds_entries_without_those_above_them() -> None:
    text = feed().decode()
    for kind in ("UsagePoint", "MeterReading", "ReadingType"):
        at = text.index(f"<{kind} ")
        low, high = text.rindex("<entry>", 0, at), text.index("</entry>\n", at) + len("</entry>\n")
        assert "link" in codes(check.check(BytesIO((text[:low] + text[high:]).encode())))


def schemas() -> list[Any]:
    """Our own subset always; the official one where the environment names it."""
    official = os.environ.get("HEADEND_ESPI_SCHEMA")
    missing = "HEADEND_ESPI_SCHEMA does not name the schema of ESPI 4.0 (docs/exports.md)"
    mark = pytest.mark.skipif(not official, reason=missing)
    return [
        pytest.param(OWN_SCHEMA, id="own"),
        pytest.param(official, id="official", marks=mark),
    ]


@pytest.mark.parametrize("path", schemas())
def test_the_whole_feed_against_a_schema(path: str | Path) -> None:
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(str(path)))
    odd = Channel("P9", "M", "1-0:2.8.0", "kWh", 7, 900, tou="4", ratio="40")
    for made in (feed(), feed(series(odd, [1, 2, 3], start=datetime(2026, 10, 3, 12, tzinfo=UTC)))):
        schema.assertValid(etree.fromstring(made))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<value>7</value>", "<value>7.0</value>"),
        ("<value>7</value>", ""),
        ("<start>1769869800</start>", "<start>1769869800.5</start>"),
        ("<uom>72</uom>", "<uom>kWh</uom>"),
        ("<powerOfTenMultiplier>0<", "<powerOfTenMultiplier>4<"),
        ("<quality>8</quality>", "<quality>6</quality>"),
        ("<dstEndRule>440E3000</dstEndRule>", ""),
        ("<kind>0</kind>", "<kind></kind>"),
        ("<updated>2026-02-02T17:00:00Z</updated>", "<updated>2026-02-02</updated>"),
    ],
)
def test_our_schema_refuses(old: str, new: str) -> None:
    etree = pytest.importorskip("lxml.etree")
    text = feed().decode()
    assert old in text
    assert not etree.XMLSchema(etree.parse(str(OWN_SCHEMA))).validate(
        etree.fromstring(text.replace(old, new, 1).encode())
    )


@pytest.mark.parametrize(("later", "found"), [(0, set()), (1, {"order"})])
def test_meters_that_follow_each_other_at_a_point(later: int, found: set[str]) -> None:
    """Each has readings of its own; what both say of one time is no following."""
    other = msgspec.structs.replace(channel(), meter="another")
    second = series(other, [1] * 48, start=START + timedelta(days=1 - later))
    assert codes(check.check(BytesIO(feed(series(channel(), [1] * 48), second)))) == found
