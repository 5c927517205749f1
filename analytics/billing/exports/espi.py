"""Green Button, ESPI 4.0 (NAESB REQ.21): an Atom feed of usage points, their readings and blocks of intervals.

Values are integers of the unit times ten to the powerOfTenMultiplier. A block ends where the local day or a run of
intervals without a gap ends: 92, 96 or 100 quarters of an hour, as the zone has it. Identifiers are name-based UUIDs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha1
from types import MappingProxyType
from typing import Final
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

import numpy as np

from analytics.billing.exports import summer_time
from analytics.billing.exports.bundle import Bundle, bundles
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.espi_codes import NAMESPACE, reading_quality, reading_type, scale, title
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.rows import MOST, Cells, Choice, labels, number, rows
from analytics.billing.exports.series import Batch, Channel, Ints, moment

VERSION: Final = "4.0"
_PATH: Final = "/espi/1_1/resource"
_INT48: Final = 2**47
_VARIANTS: Final = MappingProxyType({digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"})
"""Of a UUID's digit that tells its variant (RFC 4122, 4.1.1)."""


def write(given: Iterable[Bundle], batch: Batch) -> Iterator[bytes]:
    """One file. Channels of one point come one after another. Raises `ExportFault` for a unit that ESPI has no code of,
    a value beyond 48 bits, or a point or channel that comes again."""
    feed = _Feed(batch)
    yield feed.opening()
    for bundle in bundles(given, MOST):
        yield from feed.blocks(bundle)
    yield b"</feed>\n"


class _Feed:
    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._space = uuid5(NAMESPACE_URL, batch.seed).bytes
        self._made = moment(seconds(batch.created))
        self._zone_id = self._uuid("zone", batch.zone.key)
        self._midnights: dict[date, int] = {}
        self._current: Channel | None = None
        self._parent = self._title = ""
        """Of the current channel's blocks."""
        self._points: set[str] = set()
        self._channels: set[Channel] = set()
        """Of the current point."""

    def _uuid(self, *names: str) -> str:
        """That of version 5, told without the detour over an object of its own: there are many."""
        told = sha1(self._space + "\0".join(names).encode(), usedforsecurity=False).hexdigest()
        return f"{told[:8]}-{told[8:12]}-5{told[13:16]}-{_VARIANTS[told[16]]}{told[17:20]}-{told[20:32]}"

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
            f'<LocalTimeParameters xmlns="{NAMESPACE}">{content}</LocalTimeParameters>',
        )
        return (head + local).encode()

    def _point(self, point: str, identifier: str) -> str:
        parent = f"{_PATH}/UsagePoint"
        related = (f"{parent}/{identifier}/MeterReading", f"{_PATH}/LocalTimeParameters/{self._zone_id}")
        said = "<ServiceCategory><kind>0</kind></ServiceCategory><status>1</status>"
        content = f'<UsagePoint xmlns="{NAMESPACE}">{said}</UsagePoint>'
        return self._entry(identifier, point, parent, related, content)

    def _reading(self, channel: Channel, parent: str, identifier: str) -> str:
        """A channel's MeterReading and ReadingType."""
        kind_parent, kind_id = f"{_PATH}/ReadingType", self._uuid("type", channel.point, channel.meter, self._title)
        related = (f"{parent}/{identifier}/IntervalBlock", f"{kind_parent}/{kind_id}")
        reading = self._entry(identifier, self._title, parent, related, f'<MeterReading xmlns="{NAMESPACE}"/>')
        return reading + self._entry(kind_id, self._title, kind_parent, (), reading_type(channel))

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
                Choice([reading_quality(flag) for flag in bundle.flags], bundle.flag[low:high]),
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
        """What stands before its blocks; nothing where a meter is back at its point.

        Raises `ExportFault` for a point or channel that comes again.
        """
        elsewhere = self._current is not None and self._current.point != channel.point
        is_known, is_back = channel.point in self._points, channel in self._channels
        if is_known and (elsewhere or (is_back and not self._follows(channel))):
            raise ExportFault(channel.point, channel.channel, "comes again after others")
        if not is_known:
            self._channels.clear()
        self._points.add(channel.point)
        self._channels.add(channel)
        self._title = title(channel)
        point = self._uuid("point", channel.point)
        parent = f"{_PATH}/UsagePoint/{point}/MeterReading"
        identifier = self._uuid("reading", channel.point, channel.meter, self._title)
        self._parent = f"{parent}/{identifier}/IntervalBlock"
        if is_known and is_back:
            return b""
        opened = "" if is_known else self._point(channel.point, point)
        return (opened + self._reading(channel, parent, identifier)).encode()

    def _follows(self, channel: Channel) -> bool:
        """Whether another meter of the same point and channel went before."""
        before = self._current
        return before is not None and (before.channel, before.tou) == (channel.channel, channel.tou)

    def _block(self, channel: Channel, start: int, duration: int, text: bytes) -> bytes:
        identifier = self._uuid("block", channel.point, channel.meter, self._title, str(start))
        head, tail = self._around(identifier, self._title, self._parent, ())
        interval = f"<interval><duration>{duration}</duration><start>{start}</start></interval>"
        opened = f'<IntervalBlock xmlns="{NAMESPACE}">{interval}\n'
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

    def _entry(self, identifier: str, name: str, parent: str, related: tuple[str, ...], content: str) -> str:
        head, tail = self._around(identifier, name, parent, related)
        return head + content + tail

    def _around(self, identifier: str, name: str, parent: str, related: tuple[str, ...]) -> tuple[str, str]:
        links = "".join(f'<link rel="related" href="{href}"/>' for href in related)
        return (
            f'<entry><id>urn:uuid:{identifier}</id><link rel="self" href="{parent}/{identifier}"/>'
            f'<link rel="up" href="{parent}"/>{links}<title>{escape(name)}</title><content type="application/xml">',
            f"</content><published>{self._made}</published><updated>{self._made}</updated></entry>\n",
        )


def _values(bundle: Bundle) -> Ints:
    values = bundle.value * bundle.each(lambda one: 10 ** scale(one).more)
    large = (values >= _INT48) | (values <= -_INT48)
    if large.any():
        raise bundle.fault(int(large.argmax()), "a value needs more than 48 bits")
    return values
