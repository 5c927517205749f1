"""How long things take on a line: the budget of one request, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """What the driver waits for, in seconds.

    `response` is how long a meter may think (DL/T 645-2007, 5.3.4: 20 to 500 ms), `latency` what gateways and networks
    add, `gap` the silence after which a half frame is given up, `pause` the silence kept between an answer and the next
    request, `retries` how often a question is repeated, `late` how old an answer can still be when it turns up.
    `bits_per_second` (0 where bytes take no time) and `bits_per_byte` give the time on the wire.
    """

    response: float = 0.5
    latency: float = 0.5
    gap: float = 0.5
    pause: float = 0.02
    retries: int = 2
    late: float = 5.0
    bits_per_second: int = 0
    bits_per_byte: int = 11

    def on_wire(self, count: int) -> float:
        """Seconds that `count` bytes take."""
        return count * self.bits_per_byte / self.bits_per_second if self.bits_per_second else 0.0

    def budget(self, sent: int, expected: int) -> float:
        """Seconds from sending `sent` bytes until an answer of `expected` bytes must be whole."""
        return self.response + self.latency + self.on_wire(sent + expected)
