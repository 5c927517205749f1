"""Which edition a frame belongs to: 1997 and 2007 share the frame and differ in the control codes."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from protocols.dlt645.frame import Frame
from protocols.dlt645.words import SERVICES, SERVICES_1997

Edition: TypeAlias = Literal["2007", "1997"]

_AGAIN_OR_SECURITY: Final = 0x03
_SECURITY_FAMILY: Final = 0x07
_LOWEST_FAMILY_1997: Final = 0x80


def edition_of(frame: Frame) -> Edition | None:
    """The edition, known by C alone but for 08H (alike in both: None) and 03H; None where C belongs to neither.

    03H is "read again" in 1997 (L = 0; the answer repeats a frame, whose identifiers have 8 to F as their first digit)
    and security in the supplements to 2007 (identifiers 07xxxxxx, none of them known with a DI1 from 80H up; refused
    with two bytes).
    """
    function = frame.function
    if function == _AGAIN_OR_SECURITY:
        return _of_03(frame)
    in_1997, in_2007 = function in SERVICES_1997, function in SERVICES
    if in_1997 == in_2007:
        return None
    return "1997" if in_1997 else "2007"


def _of_03(frame: Frame) -> Edition | None:
    data = frame.data
    if not frame.is_reply:
        return "2007" if data else "1997"
    if frame.is_abnormal:
        return "2007" if len(data) == 2 else "1997" if len(data) == 1 else None
    if len(data) >= 2 and data[1] >= _LOWEST_FAMILY_1997:
        return "1997"
    return "2007" if len(data) >= 4 and data[3] == _SECURITY_FAMILY else None
