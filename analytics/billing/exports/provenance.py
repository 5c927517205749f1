"""How a validated value came about, in the words of receivers (AEMO MDFF, appendices C to E).

Whatever the meter did not say itself is a substitute, S: a better one may come in a later version. E is for what lies
ahead of the reading, which validation never gives.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Final

from analytics.billing.exports.series import Flag, Quality
from analytics.vee.validated import NAMES, Method, Source

_METHODS: Final = MappingProxyType({
    Method.OUTAGE: "19", Method.REGISTER: "12", Method.LINEAR: "17", Method.LIKE_DAY: "15", Method.CLASS: "18",
    Method.EDIT: "16",
})  # fmt: skip
"""Zero, calculated, linear interpolation, average like day, alternate, agreed."""
_NULL_DATA, _OUTAGE, _CORRECTED, _FAILED, _RECALCULATED = "78", "43", "24", "45", "72"
_ABSENT: Final = frozenset({"missing", "long_gap"})


@cache
def flag(source: int, method: int, reason: int, version: int) -> Flag:
    """`source`, `method`: of `analytics.vee.validated`; `reason`: which check cost the raw value its place, plus 1."""
    word = Source(source).name.lower()
    if source == Source.ACTUAL:
        return Flag(source=word, version=version)
    rule = Method(method)
    why = NAMES[reason - 1] if reason else ""
    if source == Source.EDITED:
        code, note = _CORRECTED, ""
    elif rule is Method.OUTAGE:
        code, note = _OUTAGE, ""
    elif why in _ABSENT:
        code, note = _NULL_DATA, ""
    elif why:
        code, note = _FAILED, why
    else:
        code, note = _RECALCULATED, ""
    return Flag(Quality.SUBSTITUTED, _METHODS[rule], code, note, word, rule.name.lower(), version)
