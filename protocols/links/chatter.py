"""What a DTU says of its own between a line's bytes, and what it wants to hear in return; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from protocols.links.recognition import Words

ECHO: Final = "echo"
"""As an answer: the DTU's own words, sent back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent to a DTU for its words; `data` None: the same words."""

    data: bytes | None

    @classmethod
    def parse(cls, source: str) -> Answer:
        """``echo``, ``text`` or ``hex:06``. Raises `ValueError`."""
        if source == ECHO:
            return cls(None)
        literal = None if source.startswith("re:") else Words.parse(source).literal
        if literal is None:
            raise ValueError("an answer is fixed")
        return cls(literal)

    def to(self, said: bytes) -> bytes:
        return said if self.data is None else self.data


@dataclass(frozen=True, slots=True)
class Chatter:
    """`prefix` stands before everything that the DTU passes on; `answer` is for heartbeats, `welcome` for the
    registration. A DTU that says a prefix and has no registration is known by the prefix."""

    register: Words | None = None
    heartbeat: Words | None = None
    prefix: Words | None = None
    answer: Answer | None = None
    welcome: Answer | None = None


@dataclass(frozen=True, slots=True)
class Sifted:
    """Of one message: what the line said, and what is to be sent to the DTU."""

    data: bytes
    answers: bytes = b""


class Sieve:
    """Takes a DTU's messages one by one, as they come from the socket, and parts them.

    Words that are a message of their own, or several, are taken out whatever they are. Fixed words that nothing else
    looks like (`Words.is_distinct`) are found wherever they stand, in the middle of a frame and over the edge of two
    messages, too: for that a tail that may be their beginning is held until more comes, or `rest` is asked for.
    """

    def __init__(self, chatter: Chatter) -> None:
        self._chatter = chatter
        self._own = [words for words in (chatter.heartbeat, chatter.register, chatter.prefix) if words is not None]
        self._sure = sorted({literal for words in self._own if (literal := self._anywhere(words))}, key=len)[::-1]
        self._search = re.compile(b"|".join(map(re.escape, self._sure)) or rb"(?!)", re.DOTALL)
        self._held = b""

    def _anywhere(self, words: Words) -> bytes | None:
        """A registration is said at the beginning, or by itself: it may well be the meter's address, which stands in
        every frame. So may a prefix in hex."""
        if words is self._chatter.heartbeat:
            return words.literal if words.is_distinct else None
        if words is self._chatter.prefix and not words.source.startswith("hex:"):
            return words.literal if words.is_distinct else None
        return None

    @property
    def holds(self) -> bool:
        """Whether something waits to be seen whole, or for `rest`."""
        return bool(self._held)

    def begin(self, head: bytes) -> Sifted:
        """A connection's first bytes, which hold the registration in front."""
        register = self._chatter.register
        length = register.length_at_start(head) if register is not None else 0
        if not length:
            return self.feed(head) if head else Sifted(b"")
        welcome = self._answer(self._chatter.welcome, head[:length])
        rest = self.feed(head[length:]) if len(head) > length else Sifted(b"")
        return Sifted(rest.data, welcome + rest.answers)

    def feed(self, message: bytes) -> Sifted:
        said = self._words_only(message)
        if said is not None and not self._completes(message):
            return Sifted(self.rest(), b"".join(self._reply(words, own) for words, own in said))
        prefix = self._chatter.prefix
        if prefix is not None and not self._held:
            message = message[prefix.length_at_start(message) :]
        data, self._held = self._held + message, b""
        answers: list[bytes] = []

        def taken(found: re.Match[bytes]) -> bytes:
            heartbeat = self._chatter.heartbeat
            if heartbeat is not None and found[0] == heartbeat.literal:
                answers.append(self._answer(self._chatter.answer, found[0]))
            return b""

        data = self._search.sub(taken, data)
        held = self._beginning(data)
        if held:
            data, self._held = data[:-held], data[-held:]
        return Sifted(data, b"".join(answers))

    def rest(self) -> bytes:
        """What was held was the line's after all."""
        held, self._held = self._held, b""
        return held

    def _completes(self, message: bytes) -> bool:
        """Whether what is held and `message` are words together."""
        found = self._search.search(self._held + message) if self._held else None
        return found is not None and found.start() < len(self._held)

    def _words_only(self, message: bytes) -> list[tuple[Words, bytes]] | None:
        """The words of which the message consists; None where there is anything else in it."""
        said = []
        at = 0
        while at < len(message):
            for words in self._own:
                match = words.pattern.match(message, at)
                if match is not None and match.end() > at:
                    said.append((words, match[0]))
                    at = match.end()
                    break
            else:
                return None
        return said

    def _reply(self, words: Words, said: bytes) -> bytes:
        if words is self._chatter.heartbeat:
            return self._answer(self._chatter.answer, said)
        return self._answer(self._chatter.welcome, said) if words is self._chatter.register else b""

    @staticmethod
    def _answer(answer: Answer | None, said: bytes) -> bytes:
        return b"" if answer is None else answer.to(said)

    def _beginning(self, data: bytes) -> int:
        """How many bytes at the end of `data` may be the beginning of words."""
        for length in range(min(len(data), max(map(len, self._sure), default=1) - 1), 0, -1):
            if any(literal.startswith(data[-length:]) for literal in self._sure if len(literal) > length):
                return length
        return 0
