"""ESPI's codes (NAESB REQ.21): units, powers of ten, directions, qualities, and the ReadingType made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.series import Channel, Flag, Quality

NAMESPACE: Final = "http://naesb.org/espi"
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


@dataclass(frozen=True, slots=True)
class Scale:
    """`power`: powerOfTenMultiplier; `more`: zeros that values get behind them, since not every power has a code."""

    power: int
    more: int
    unit: str


def scale(channel: Channel) -> Scale:
    """Raises `ExportFault` for a unit without a code."""
    found = _scale(channel.unit, channel.decimals)
    if found is None:
        raise ExportFault(channel.point, channel.channel, f"ESPI has no unit {channel.unit}")
    return found


@cache
def _scale(told: str, decimals: int) -> Scale | None:
    for prefix, exponent in _PREFIXES.items():
        unit = told.removeprefix(prefix)
        if told == prefix + unit and unit in UNITS:
            power = wanted = exponent - decimals
            while power not in _POWERS:
                power -= 1
            return Scale(power, wanted - power, unit)
    return None


def title(channel: Channel) -> str:
    return f"{channel.channel} {channel.tou}".strip()


def reading_type(channel: Channel) -> str:
    size = scale(channel)
    uom, kind, accumulation = UNITS[size.unit]
    commodity = 2 if channel.multiplied and channel.ratio != "1" else 1
    tou = f"<tou>{channel.tou}</tou>" if channel.tou.isascii() and channel.tou.isdigit() else ""
    return (
        f'<ReadingType xmlns="{NAMESPACE}"><accumulationBehaviour>{accumulation}</accumulationBehaviour>'
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


def reading_quality(flag: Flag) -> bytes:
    code = quality(flag)
    return b"<ReadingQuality><quality>%d</quality></ReadingQuality>" % code if code else b""
