"""Bits of status words as events: DL/T 645-2007, 04000501 to 04000507; 1997, C020 and C021.

Bits that say how a meter is set up (demand by intervals, second set of schedules) are no events. What the bits mean in
words is in `protocols.dlt645.bit_words`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from protocols.dlt645.services.edition import Edition
from protocols.events.kind import EventKind
from protocols.events.kinds import KINDS, PHASES

WORD_ITEMS: Final[Mapping[Edition, tuple[str, tuple[str, ...]]]] = {
    "2007": ("040005FF", tuple(f"0400050{number}" for number in range(1, 8))),
    "1997": ("C02F", ("C020", "C021")),
}
"""The block that holds all words, and the words one by one."""


@dataclass(frozen=True, slots=True)
class EventBit:
    """The event lasts while `word` reads `value` under `mask` (neither is shifted)."""

    word: str
    mask: int
    value: int
    kind: EventKind

    def is_set(self, word: int) -> bool:
        return word & self.mask == self.value


_WORDS: Final[tuple[tuple[str, dict[int, str]], ...]] = (
    ("status_word_1", {
        2: "clock_battery_low", 3: "reading_battery_low", 4: "active_power_reversal", 5: "reactive_power_reversal",
    }),
    ("status_word_2", {
        **{bit: f"active_power_reversal_{phase}" for bit, phase in enumerate(PHASES)},
        **{bit: f"reactive_power_reversal_{phase}" for bit, phase in enumerate(PHASES, 4)},
    }),
    ("status_word_3", {3: "programming_permitted", 4: "relay_open", 6: "trip_commanded", 7: "trip_alarm"}),
    *((f"status_word_{number}", {
        0: f"voltage_loss_{phase}", 1: f"undervoltage_{phase}", 2: f"overvoltage_{phase}", 3: f"current_loss_{phase}",
        4: f"overcurrent_{phase}", 5: f"overload_{phase}", 6: f"flow_reversal_{phase}", 7: f"phase_loss_{phase}",
        8: f"current_break_{phase}",
    }) for number, phase in enumerate(PHASES, 4)),
    ("status_word_7", {
        0: "voltage_reversal", 1: "current_reversal", 2: "voltage_imbalance", 3: "current_imbalance",
        4: "auxiliary_supply_loss", 5: "power_down", 6: "demand_over_limit",
    }),
    ("meter_status_word", {2: "clock_battery_low", 4: "active_power_reversal", 5: "reactive_power_reversal"}),
    ("grid_status_word", {
        **{bit: f"phase_loss_{phase}" for bit, phase in enumerate(PHASES)},
        **{bit: f"overvoltage_{phase}" for bit, phase in enumerate(PHASES, 4)},
    }),
)  # fmt: skip


def _bits() -> Iterator[EventBit]:
    for word, kinds in _WORDS:
        for bit, code in kinds.items():
            yield EventBit(word, 1 << bit, 1 << bit, KINDS[code])
    yield EventBit("status_word_3", 0b110, 0b010, KINDS["auxiliary_supply"])
    yield EventBit("status_word_3", 0b110, 0b100, KINDS["battery_supply"])


BITS: Final[tuple[EventBit, ...]] = tuple(_bits())
"""By the name of the word's part, as items have it."""
