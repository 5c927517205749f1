"""Why a message, or a part of it, gave nothing: the labels of rejects."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """docs/push.md tells them to users."""

    NO_FRAME = "no_frame"
    """Not one frame stands in the message."""
    DAMAGED_FRAME = "damaged_frame"
    """A frame began, and its check sum or end is wrong or it is cut short."""
    BAD_ADDRESS = "bad_address"
    """A wildcard, the broadcast, digits that are no BCD, or not the address that the message or its topic states."""
    SPLIT_ANSWER = "split_answer"
    """One of several frames that only together are an answer."""
    BAD_VALUE = "bad_value"
    """A number that is none, or data of a length that the item cannot have."""
    NOTHING_TO_STORE = "nothing_to_store"
    """Sound, and nothing in it is a quantity that is stored."""
    NO_TIME = "no_time"
    TIME_UNKNOWN = "time_unknown"
    """The time of arrival was to be taken, but the message is one that the broker repeated or had kept."""
    BAD_TIME = "bad_time"
    """A time that cannot be read, or one that the zone's clocks never show."""
    ABSURD_TIME = "absurd_time"
    """Before 2000, or too far ahead of our clock."""
    NO_METER = "no_meter"
    """Neither the message nor its topic tells the meter."""
    BAD_FORM = "bad_form"
    """Not the form that the payload is to have: no hex, no JSON, no batch, a key of the wrong kind."""
    BAD_CHECK_SUM = "bad_check_sum"
    """A batch whose CRC is wrong."""
    UNKNOWN_QUANTITY = "unknown_quantity"
    UNKNOWN_LAYOUT = "unknown_layout"
    WRONG_UNIT = "wrong_unit"
    BAD_QUALITY = "bad_quality"
