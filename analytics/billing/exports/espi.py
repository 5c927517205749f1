"""Green Button, ESPI 4.0 (NAESB REQ.21): an Atom feed of usage points, their readings and blocks of intervals.

Values are integers of the unit times ten to the powerOfTenMultiplier. A block ends where the local day or a run of
intervals without a gap ends: 92, 96 or 100 quarters of an hour, as the zone has it. Identifiers are name-based UUIDs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.sax.saxutils import escape

import numpy as np

from analytics.billing.exports import summer_time
from analytics.billing.exports.bundle import Bundle, bundles
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.rows import MOST, Cells, Choice, labels, number, rows
from analytics.billing.exports.series import Batch, Channel, Flag, Ints, Quality, moment

VERSION: Final = "4.0"
_PATH: Final = "/espi/1_1/resource"
_ESPI: Final = "http://naesb.org/espi"
_INT48: Final = 2**47
_POWERS: Final = frozenset((-12, -9, -6, -3, -2, -1, 0, 1, 2, 3, 6, 9, 12))
"""UnitMultiplierKind."""
_PREFIXES: Final = MappingProxyType({"": 0, "k": 3, "M": 6, "G": 9})
UNITS: Final = MappingProxyType({
    "Wh": (72, 12, 4), "varh": (73, 12, 4), "VAh": (71, 12, 4),
    "W": (38, 37, 6), "var": (63, 37, 6), "VA": (61, 37, 6),
})  # fmt: skip
"""Unit without prefix to uom, kind (energy, power) and accumulationBehaviour (delta, indicating)."""
_FLOWS: Final = MappingProxyType({1: 1, 2: 19, 3: 1, 4: 19, 5: 15, 6: 16, 7: 17, 8: 18, 9: 1, 10: 19})
"""Group C of an OBIS code to flowDirection; others: 0, none."""
_QUALITIES: Final = MappingProxyType(
    {Quality.ACTUAL: 0, Quality.ESTIMATED: 12, Quality.SUBSTITUTED: 16, Quality.FINAL: 16}
)
_METHODS: Final = MappingProxyType({
    "12": 11, "14": 8, "15": 8, "16": 7, "17": 9, "51": 8, "54": 9, "55": 7, "61": 8,
})  # fmt: skip
"""Methods of substitution (AEMO Metrology Procedure B) for which ESPI has a word: derived, by reference day, edited,
interpolated."""


def write(given: Iterable[Bundle], batch: Batch) -> Iterator[bytes]:
    """One file. Channels of one point come one after another. Raises `ExportFault` for a unit that ESPI has no code of,
    a value beyond 48 bits, or a point or channel that comes again."""
    feed = _Feed(batch)
    yield feed.opening()
    for bundle in bundles(given, MOST):
        yield from feed.blocks(bundle)
    yield b"</feed>\n"


@dataclass(frozen=True, slots=True)
class Scale:
    """`power`: powerOfTenMultiplier; `more`: zeros that values get behind them, since not every power has a code."""

    power: int
    more: int
    unit: str


def scale(channel: Channel) -> Scale:
    """Raises `ExportFault` for a unit without a code."""
    for prefix, exponent in _PREFIXES.items():
        unit = channel.unit.removeprefix(prefix)
        if channel.unit == prefix + unit and unit in UNITS:
            power = wanted = exponent - channel.decimals
            while power not in _POWERS:
                power -= 1
            return Scale(power, wanted - power, unit)
    raise ExportFault(channel.point, channel.channel, f"ESPI has no unit {channel.unit}")


def title(channel: Channel) -> str:
    return f"{channel.channel} {channel.tou}".strip()


class _Feed:
    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._space = uuid5(NAMESPACE_URL, batch.seed)
        self._made = moment(seconds(batch.created))
        self._zone_id = self._uuid("zone", batch.zone.key)
        self._midnights: dict[date, int] = {}
        self._current: Channel | None = None
        self._parent = ""
        """Of the current channel's blocks."""
        self._points: set[str] = set()
        self._channels: set[Channel] = set()
        """Of the current point."""

    def _uuid(self, *names: str) -> UUID:
        return uuid5(self._space, "\0".join(names))

    def opening(self) -> bytes:
        zone = summer_time.of(self._batch.zone, self._batch.start.astimezone(self._batch.zone).year)
        feed_id = self._uuid("batch", self._batch.batch_id)
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<feed xmlns="http://www.w3.org/2005/Atom">\n'
            f"<id>urn:uuid:{feed_id}</id>\n<title>{escape(self._batch.batch_id)}</title>\n"
            f'<updated>{self._made}</updated>\n<link rel="self" href="{_PATH}/Batch/{feed_id}"/>\n'
        )
        content = (
            f"<dstEndRule>{zone.end}</dstEndRule><dstOffset>{zone.ahead}</dstOffset>"
            f"<dstStartRule>{zone.begin}</dstStartRule><tzOffset>{zone.offset}</tzOffset>"
        )
        parent = f"{_PATH}/LocalTimeParameters"
        local = self._entry(
            self._zone_id,
            self._batch.zone.key,
            parent,
            (),
            f'<LocalTimeParameters xmlns="{_ESPI}">{content}</LocalTimeParameters>',
        )
        return (head + local).encode()

    def _point(self, point: str) -> bytes:
        parent = f"{_PATH}/UsagePoint"
        identifier = self._uuid("point", point)
        related = (f"{parent}/{identifier}/MeterReading", f"{_PATH}/LocalTimeParameters/{self._zone_id}")
        said = "<ServiceCategory><kind>0</kind></ServiceCategory><status>1</status>"
        content = f'<UsagePoint xmlns="{_ESPI}">{said}</UsagePoint>'
        return self._entry(identifier, point, parent, related, content).encode()

    def _channel(self, channel: Channel) -> bytes:
        """Its MeterReading and ReadingType."""
        parent, identifier = self._reading(channel)
        kind_parent, kind_id = f"{_PATH}/ReadingType", self._uuid("type", channel.point, channel.meter, title(channel))
        related = (f"{parent}/{identifier}/IntervalBlock", f"{kind_parent}/{kind_id}")
        reading = self._entry(identifier, title(channel), parent, related, f'<MeterReading xmlns="{_ESPI}"/>')
        return (reading + self._entry(kind_id, title(channel), kind_parent, (), _reading_type(channel))).encode()

    def _reading(self, channel: Channel) -> tuple[str, UUID]:
        parent = f"{_PATH}/UsagePoint/{self._uuid('point', channel.point)}/MeterReading"
        return parent, self._uuid("reading", channel.point, channel.meter, title(channel))

    def blocks(self, bundle: Bundle) -> Iterator[bytes]:
        """With what goes before those of another point or channel."""
        values = _values(bundle)
        firsts = self._firsts(bundle)
        ends = np.append(firsts[1:], len(bundle))
        low = 0
        while low < len(firsts):
            high = max(int(np.searchsorted(ends, firsts[low] + MOST, side="right")), low + 1)
            yield self._some(bundle, values, firsts[low:high], ends[low:high])
            low = high

    def _some(self, bundle: Bundle, values: Ints, firsts: Ints, ends: Ints) -> bytes:
        """Blocks that follow one another; the text of each is told by the NUL behind it."""
        low, high, starts = int(firsts[0]), int(ends[-1]), bundle.start
        closing = np.full((high - low, 1), ord("\n"), dtype=np.uint8)
        closing[ends - low - 1] = 0
        durations = [b"<timePeriod><duration>%d</duration><start>" % one.step_s for one in bundle.channels]
        texts = rows(
            high - low,
            [
                b"<IntervalReading>",
                Choice([_quality(flag) for flag in bundle.flags], bundle.flag[low:high]),
                labels(durations, bundle.which[low:high]),
                number(starts[low:high]),
                b"</start></timePeriod><value>",
                number(values[low:high]),
                b"</value></IntervalReading>",
                Cells(closing),
            ],
        ).split(b"\0")
        parts = []
        owners, begins, lasts = bundle.which[firsts].tolist(), starts[firsts].tolist(), starts[ends - 1].tolist()
        for owner, start, last, text in zip(owners, begins, lasts, texts[:-1], strict=True):
            channel = bundle.channels[owner]
            if channel is not self._current and channel != self._current:
                parts.append(self._opened(channel))
            self._current = channel
            parts.append(self._block(channel, start, last + channel.step_s - start, text))
        return b"".join(parts)

    def _opened(self, channel: Channel) -> bytes:
        """Raises `ExportFault` for a point or channel that comes again."""
        elsewhere = self._current is not None and self._current.point != channel.point
        is_known = channel.point in self._points
        if is_known and (elsewhere or channel in self._channels):
            raise ExportFault(channel.point, channel.channel, "comes again after others")
        if not is_known:
            self._channels.clear()
        self._points.add(channel.point)
        self._channels.add(channel)
        parent, identifier = self._reading(channel)
        self._parent = f"{parent}/{identifier}/IntervalBlock"
        return (b"" if is_known else self._point(channel.point)) + self._channel(channel)

    def _block(self, channel: Channel, start: int, duration: int, text: bytes) -> bytes:
        name = title(channel)
        identifier = self._uuid("block", channel.point, channel.meter, name, str(start))
        head, tail = self._around(identifier, name, self._parent, ())
        interval = f"<interval><duration>{duration}</duration><start>{start}</start></interval>"
        opened = f'<IntervalBlock xmlns="{_ESPI}">{interval}\n'
        return (head + opened).encode() + text + ("\n</IntervalBlock>" + tail).encode()

    def _firsts(self, bundle: Bundle) -> Ints:
        """Where blocks begin: with a channel, at a local midnight, and after a gap."""
        starts = bundle.start
        midnights = self._midnights_of(int(starts.min()), int(starts.max()))
        day = np.searchsorted(midnights, starts, side="right")
        steps = bundle.each(lambda one: one.step_s)[1:]
        cuts = (np.diff(day) != 0) | (np.diff(starts) != steps)
        cuts[bundle.edges[1:-1] - 1] = True
        firsts: Ints = np.concatenate(([0], np.flatnonzero(cuts) + 1))
        return firsts

    def _midnights_of(self, first: int, last: int) -> list[int]:
        """Seconds since 1970 at which local days begin, from after `first` to the first one after `last`."""
        zone = self._batch.zone
        day = datetime.fromtimestamp(first, UTC).astimezone(zone).date()
        found: list[int] = []
        while not found or found[-1] <= last:
            day += timedelta(days=1)
            if day not in self._midnights:
                self._midnights[day] = seconds(datetime.combine(day, time(), zone))
            found.append(self._midnights[day])
        return found

    def _entry(self, identifier: UUID, name: str, parent: str, related: tuple[str, ...], content: str) -> str:
        head, tail = self._around(identifier, name, parent, related)
        return head + content + tail

    def _around(self, identifier: UUID, name: str, parent: str, related: tuple[str, ...]) -> tuple[str, str]:
        links = "".join(f'<link rel="related" href="{href}"/>' for href in related)
        return (
            f'<entry><id>urn:uuid:{identifier}</id><link rel="self" href="{parent}/{identifier}"/>'
            f'<link rel="up" href="{parent}"/>{links}<title>{escape(name)}</title><content type="application/xml">',
            f"</content><published>{self._made}</published><updated>{self._made}</updated></entry>\n",
        )


def _reading_type(channel: Channel) -> str:
    size = scale(channel)
    uom, kind, accumulation = UNITS[size.unit]
    commodity = 2 if channel.multiplied and channel.ratio != "1" else 1
    tou = f"<tou>{channel.tou}</tou>" if channel.tou.isascii() and channel.tou.isdigit() else ""
    return (
        f'<ReadingType xmlns="{_ESPI}"><accumulationBehaviour>{accumulation}</accumulationBehaviour>'
        f"<commodity>{commodity}</commodity><dataQualifier>12</dataQualifier><defaultQuality>0</defaultQuality>"
        f"<flowDirection>{_flow(channel.channel)}</flowDirection><intervalLength>{channel.step_s}</intervalLength>"
        f"<kind>{kind}</kind><powerOfTenMultiplier>{size.power}</powerOfTenMultiplier>"
        f"<timeAttribute>0</timeAttribute>{tou}<uom>{uom}</uom></ReadingType>"
    )


def _flow(channel: str) -> int:
    group = channel.partition(":")[2].partition(".")[0]
    return _FLOWS.get(int(group), 0) if group.isascii() and group.isdigit() else 0


def quality(flag: Flag) -> int:
    """QualityOfReading: of a substitute by its method, 16 (other) where ESPI has no word for it."""
    known = _QUALITIES[flag.quality]
    return _METHODS.get(flag.method, known) if known == 16 else known


def _values(bundle: Bundle) -> Ints:
    values = bundle.value * bundle.each(lambda one: 10 ** scale(one).more)
    large = (values >= _INT48) | (values <= -_INT48)
    if large.any():
        raise bundle.fault(int(large.argmax()), "a value needs more than 48 bits")
    return values


def _quality(flag: Flag) -> bytes:
    code = quality(flag)
    return b"<ReadingQuality><quality>%d</quality></ReadingQuality>" % code if code else b""
