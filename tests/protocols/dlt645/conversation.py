"""Running a conversation against frames that are already there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.exchange import Ask, Exchange, Noise

T = TypeVar("T")


def events(*chunks: bytes) -> list[Frame | Noise]:
    """Everything that a fresh reader makes of `chunks` and the silence behind them."""
    reader = FrameReader()
    found = [event for chunk in chunks for event in reader.feed(chunk)]
    return [*found, *reader.flush()]


def frame(raw: str | bytes) -> Frame:
    """The one frame in `raw`."""
    (found,) = events(bytes.fromhex(raw) if isinstance(raw, str) else raw)
    assert isinstance(found, Frame), found
    return found


def converse(exchange: Exchange[Frame, T], replies: Sequence[Frame]) -> tuple[T, list[Ask[Frame]]]:
    """The conversation's value when each of its requests is answered by the next of `replies`, and the requests."""
    waiting = list(replies)
    asks = []
    try:
        ask = next(exchange)
        while True:
            asks.append(ask)
            reply = waiting.pop(0)
            assert ask.answers(reply), f"{reply} does not answer {ask.data.hex(' ')}"
            ask = exchange.send(reply)
    except StopIteration as done:
        assert not waiting, "the conversation ended early"
        return done.value, asks
