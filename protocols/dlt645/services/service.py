"""One request, one answer: what a service's request can say of itself, and the conversation about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FUNCTION, OVERHEAD, PREAMBLE, REPLY, Frame, encode
from protocols.dlt645.services.edition import Edition, edition_of
from protocols.dlt645.words import ERROR_BITS, ERROR_BITS_1997, SECURITY_ERROR_BITS, refusal
from protocols.errors import ModelError, NoAnswer, Refused
from protocols.exchange import Ask, Exchange

T = TypeVar("T")


class Request(Protocol[T]):
    """What a master asks of a meter in one frame; `T` is what the answer gives."""

    @property
    def function(self) -> int:
        """D4..D0 of C."""

    @property
    def edition(self) -> Edition: ...

    @property
    def acts(self) -> bool:
        """It changes something in the meter."""

    @property
    def broadcast(self) -> bool:
        """It may be sent to all meters at once, and none answers then."""

    @property
    def reply_bytes(self) -> int:
        """Data bytes of the longest answer."""

    @property
    def data(self) -> bytes:
        """The data field without the 33H."""

    def decode_reply(self, data: bytes) -> T:
        """What the data of a normal answer say. Raises `BadAnswer`."""

    def encode_reply(self, value: T) -> bytes:
        """The meter's side of it."""


class Acknowledged:
    """A request that is answered by "done": L = 0.

    Data behind the answer are passed over: the meter did it, and calling that an error would have it done twice.
    """

    __slots__ = ()

    @property
    def reply_bytes(self) -> int:
        return 0

    def decode_reply(self, data: bytes) -> None:
        return None

    def encode_reply(self, value: None) -> bytes:
        return b""


def perform(address: str, request: Request[T], preamble: bytes = PREAMBLE) -> Exchange[Frame, T]:
    """Ask the meter at `address` and give what it answers.

    Raises `Refused` in the edition's words, `BadAnswer`, `NoAnswer` (what acts may have been done nevertheless);
    `ModelError` where `request` acts and `address` is not that of one meter.
    """
    if request.acts:
        _one_meter(address, request.edition)
    to = addresses.to_wire(address)
    frame = yield ask(to, request, is_answer(to, request.function), preamble)
    if frame.is_abnormal:
        raise refused(frame)
    return request.decode_reply(frame.data)


def announce(
    request: Request[T], address: str = addresses.BROADCAST, preamble: bytes = PREAMBLE
) -> Exchange[Frame, None]:
    """Tell all meters (or one, where the service has no answer at all). Whether they obeyed can only be read back."""
    if not request.broadcast:
        raise ValueError(f"service {request.function:02X} is not broadcast")
    to = addresses.to_wire(address)
    try:
        yield Ask(
            data=encode(to, request.function, request.data, preamble),
            answers=lambda frame: False,
            reply_bytes=0,
            repeatable=False,
            acts=request.acts,
            answered=False,
        )
    except NoAnswer:
        return


def ask(to: bytes, request: Request[T], answers: Callable[[Frame], bool], preamble: bytes) -> Ask[Frame]:
    """Answers to what acts do not say what they answer: any two of one service and meter are confusable."""
    return Ask(
        data=encode(to, request.function, request.data, preamble),
        answers=answers,
        reply_bytes=OVERHEAD + request.reply_bytes + len(PREAMBLE),
        confusable=(to, request.function) if request.acts else (to, request.function, request.data),
        repeatable=not request.acts,
        acts=request.acts,
    )


def is_answer(to: bytes, function: int) -> Callable[[Frame], bool]:
    """Whether a frame is a meter's answer to `function` asked at `to`."""
    expected = REPLY | function

    def answers(frame: Frame) -> bool:
        return frame.control & (REPLY | FUNCTION) == expected and addresses.may_answer(to, frame.address)

    return answers


def refused(frame: Frame) -> Refused:
    """An abnormal answer in words: ERR of its edition, or the two bytes SERR of the security services."""
    data = frame.data
    if len(data) == 2:
        return Refused(data[::-1].hex().upper(), refusal(int.from_bytes(data, "little"), SECURITY_ERROR_BITS))
    code = data[0] if data else 0
    bits = ERROR_BITS_1997 if edition_of(frame) == "1997" else ERROR_BITS
    return Refused(f"{code:02X}", refusal(code, bits))


def _one_meter(address: str, edition: Edition) -> None:
    """1997 fills short addresses up with AA; in 2007 that is a wildcard, and whom it reaches nobody knows."""
    text = addresses.normal(address)
    if text in (addresses.WILDCARD, addresses.BROADCAST) or ("A" in text and edition == "2007"):
        raise ModelError(f"{text} is not the address of one meter: what acts on a meter wants its whole address")
