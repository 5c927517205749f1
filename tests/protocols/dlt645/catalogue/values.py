"""Values that a format can hold, for round trips: by a seeded generator, for items have up to a thousand parts."""

from __future__ import annotations

import datetime as dt
from random import Random

from protocols.dlt645.formats import Bits, Digits, Entry, Format, Hex, Moment, Number, Text
from protocols.dlt645.item import Item

Given = int | str | None
_FIELDS = (("YY", "%Y"), ("MM", "%m"), ("DD", "%d")), (("hh", "%H"), ("mm", "%M"), ("ss", "%S"))
_FIRST = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - a meter states no zone
_SECONDS = 36525 * 86400


def of(form: Format, random: Random) -> Given:
    """What decodes to itself; now and then nothing, and the largest that there is."""
    if isinstance(form, Bits):
        return random.randrange(1 << 8 * form.length)
    if not random.randrange(10):
        return None
    if isinstance(form, Number):
        largest = form.limit - 1
        smallest = -largest if form.signed else 0
        return random.choice((largest, smallest, 0, random.randint(smallest, largest)))
    if isinstance(form, Digits):
        return "".join(random.choices("0123456789", k=2 * form.length))
    if isinstance(form, Hex):
        return "0" + "".join(random.choices("0123456789ABCDEF", k=2 * form.length - 1))
    if isinstance(form, Text):
        return "".join(chr(random.randint(0x21, 0x7E)) for _ in range(random.randint(0, form.length)))
    if isinstance(form, Moment):
        return moment(form.pattern, random)
    assert isinstance(form, Entry)
    return f"{moment(form.pattern[:-2], random)} {random.randint(1, 99)}"


def moment(pattern: str, random: Random) -> str:
    """An ISO text of the pattern's fields."""
    date, time = ([code for field, code in half if field in pattern] for half in _FIELDS)
    shape = "T".join(filter(None, ("-".join(date), ":".join(time))))
    return (_FIRST + dt.timedelta(seconds=random.randrange(_SECONDS))).strftime(shape)


def values(found: Item, random: Random) -> list[Given]:
    """For an answer with the least, a few or the most values."""
    count = len(found.parts)
    if found.shape is None and found.least < count:
        count = random.choice((found.least, 5 * found.least, count))
    return [of(form, random) for _, form in found.parts[:count]]
