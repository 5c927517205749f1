"""A conversation as a generator: it yields an `Ask`, is sent the frame that answers it, returns a value.

    def read_clock(address) -> Exchange[Frame, Value]:
        frame = yield Ask(...)
        return decode(frame)

Errors that the conversation should see (`NoAnswer`, `LinkClosed`) are thrown into it by the driver; what it raises
goes to whoever ran it. No clock, no link, no event loop here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeAlias, TypeVar

F = TypeVar("F")
T = TypeVar("T")
F_co = TypeVar("F_co", covariant=True)


@dataclass(slots=True)  # not frozen: one is made for every request, and freezing would triple its cost
class Ask(Generic[F]):
    """One request and how its answer is known. Nobody changes one.

    `answers` is asked of every sound frame that arrives; False means it belongs to somebody else (another meter, a
    late one, our own echo). `reply_bytes` is the longest answer, for the line's time budget. `confusable` is what
    another answer must have in common with this one to be taken for it: after a time-out the driver lets late answers
    run out before it asks the same again in a new conversation; None where no other answer can be mistaken.
    """

    data: bytes = field(repr=False)
    """May hold a password, so it is never shown."""
    answers: Callable[[F], bool]
    reply_bytes: int
    confusable: Hashable | None = None
    repeatable: bool = True
    """False for anything that acts: after a time-out its state is unknown, and it is not sent again."""
    acts: bool = False
    """It changes something in the meter: it needs a permit, and goes out once whatever `repeatable` says."""
    answered: bool = True
    """False where the standard has no answer (broadcast): the driver sends it and throws `NoAnswer` at once."""


Exchange: TypeAlias = Generator[Ask[F], F, T]


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that were no frame, with the reason: what a reader gives beside frames, so that nothing vanishes."""

    raw: bytes
    reason: str

    @property
    def is_damaged(self) -> bool:
        """Whether a frame may have begun in it, whose check sum was wrong."""
        return "check sum" in self.reason


class FrameReader(Protocol[F_co]):
    """A buffer that turns chunks into frames. Never raises for any bytes."""

    def feed(self, chunk: bytes) -> Sequence[F_co | Noise]:
        """Frames and noise that `chunk` completed, in order."""

    def flush(self) -> Sequence[F_co | Noise]:
        """The line fell silent: what is still held can no longer grow. Gives frames hidden behind a false start."""

    @property
    def pending(self) -> int:
        """Bytes held back because a frame may still be growing."""


def once(exchange: Exchange[F, T]) -> Exchange[F, T]:
    """The same conversation with no request sent twice: for a look whether anybody is there."""
    ask = next(exchange)
    try:
        while True:
            try:
                answer = yield replace(ask, repeatable=False)
            except Exception as error:  # noqa: BLE001 - the conversation's to see, whatever it is
                ask = exchange.throw(error)
            else:
                ask = exchange.send(answer)
    except StopIteration as done:
        value: T = done.value
        return value
    finally:
        exchange.close()
