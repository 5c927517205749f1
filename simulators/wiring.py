"""How a meter is wired: what of what is used it sees, and what of that its register counts.

Physics only: a wire around the meter, a current turned round, a lead that is open. Energies are counted in
hundred-thousandths of what is used (`Wiring.counted`), so that what is stolen stays an exact number of watt-seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

ALL: Final = 100_000
"""Of what is used, as `Wiring.counted` tells it."""
_PHASES: Final = 3


@dataclass(frozen=True, slots=True)
class Wiring:
    """`currents`: of each phase's current so many thousandths run through the meter, negative: backwards.
    `voltages`: whether the meter has the phase's. `register`: thousandths that the register counts of what is measured.
    `blind`: the meter has no voltage at all, and the load goes on."""

    currents: tuple[int, int, int] = (1000, 1000, 1000)
    voltages: tuple[bool, bool, bool] = (True, True, True)
    register: int = 1000
    blind: bool = False

    def counted(self, split: tuple[int, int, int], phases: int) -> int:
        """Hundred-thousandths of the energy; `split`: per cent of the load by phase."""
        if self.blind:
            return 0
        shares = split if phases == _PHASES else (100, 0, 0)
        seen = zip(shares, self.currents, self.voltages, strict=True)
        return sum(share * current * there for share, current, there in seen) * self.register // 1000


HONEST: Final = Wiring()


class Kind(NamedTuple):
    """A way to steal. `wire` takes the phase (0..2) and the stolen share in thousandths. `share`: whether one must be
    stated. `phases`: of the meters that know it. `event`: what the meter notices, `{n}` is the phase. `cover`: which
    one is lifted for it. `pushing`: whether pushing meters know it."""

    wire: Callable[[int, int], Wiring]
    share: bool = False
    phases: tuple[int, ...] = (1, 3)
    event: str = ""
    cover: str = "terminal_cover_open"
    pushing: bool = False


def _of_phase(phase: int, current: int) -> tuple[int, int, int]:
    first, second, third = (current if n == phase else 1000 for n in range(_PHASES))
    return first, second, third


def _bypass(_phase: int, share: int) -> Wiring:
    return Wiring(currents=(1000 - share,) * 3)


def _slowed(_phase: int, share: int) -> Wiring:
    return Wiring(register=1000 - share)


def _reversed(phase: int, _share: int) -> Wiring:
    return Wiring(currents=_of_phase(phase, -1000))


def _without_current(phase: int, _share: int) -> Wiring:
    return Wiring(currents=_of_phase(phase, 0))


def _without_voltage(phase: int, _share: int) -> Wiring:
    first, second, third = (n != phase for n in range(_PHASES))
    return Wiring(voltages=(first, second, third))


def _without_neutral(_phase: int, _share: int) -> Wiring:
    return replace(HONEST, blind=True)


SWAP: Final = "meter_swap"
THEFTS: Final[Mapping[str, Kind]] = {
    "bypass": Kind(_bypass, share=True, pushing=True),
    "slowed_register": Kind(_slowed, share=True, cover="cover_open", pushing=True),
    "phase_reversal": Kind(_reversed, phases=(3,), event="flow_reversal_l{n}"),
    "current_missing": Kind(_without_current, phases=(3,), event="current_loss_l{n}"),
    "phase_missing": Kind(_without_voltage, phases=(3,), event="voltage_loss_l{n}"),
    "neutral_missing": Kind(_without_neutral, phases=(1,)),
    SWAP: Kind(lambda _phase, _share: HONEST),
}
"""By name; a swap of two meters is a matter of what they measure, not of how."""
