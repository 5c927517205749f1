"""Faults of a line, drawn from a seed: what noise, a bad contact or a slow modem does to chunks. No I/O, no clock."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault strikes a chunk (0 never, 1 always), and how long the slow ones take, in seconds.

    `noise`: random bytes before or after it (at most `noise_bytes`); `corrupt`: one to three bits flipped; `cut`: its
    tail is lost; `drop`: all of it is lost; `duplicate`: it comes twice; `late`: it comes after `late_s`; `half`: its
    second half comes after `half_s`; `reorder`: it comes after the next chunk (and not at all if none follows).
    """

    seed: int = 0
    noise: float = 0.0
    drop: float = 0.0
    cut: float = 0.0
    corrupt: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    half: float = 0.0
    reorder: float = 0.0
    late_s: tuple[float, float] = (0.5, 1.5)
    duplicate_s: float = 0.05
    half_s: float = 0.05
    noise_bytes: int = 8

    def __post_init__(self) -> None:
        for name in ("noise", "drop", "cut", "corrupt", "duplicate", "late", "half", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a share from 0 to 1")
        if not 0 <= self.late_s[0] <= self.late_s[1] or self.duplicate_s < 0 or self.half_s < 0:
            raise ValueError("delays are seconds from 0 on, the shorter one first")
        if self.noise_bytes < 1:
            raise ValueError(f"noise_bytes is {self.noise_bytes}, expected at least 1")

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read ``seed:1,noise:0.1,late:0.05,late_s:0.5-1.5``. Raises `ValueError`."""
        known = {f.name for f in fields(cls)}
        values: dict[str, int | float | tuple[float, float]] = {}
        for item in filter(None, text.split(",")):
            name, _, value = item.partition(":")
            if name not in known:
                raise ValueError(f"unknown fault {name!r}, expected one of {', '.join(sorted(known))}")
            try:
                if name == "late_s":
                    low, _, high = value.partition("-")
                    values[name] = (float(low), float(high or low))
                else:
                    values[name] = int(value) if name in ("seed", "noise_bytes") else float(value)
            except ValueError:
                raise ValueError(f"{name} is {value!r}, expected a number") from None
        return cls(**values)  # type: ignore[arg-type]  # each value has been read by its field's name


class Mangler:
    """Applies `Faults` to chunks; the same seed and chunks give the same faults. `struck` counts them by name."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)
        self._held: bytes | None = None
        self.struck: Counter[str] = Counter()

    def apply(self, chunk: bytes) -> list[tuple[float, bytes]]:
        """What arrives instead of `chunk`: pairs of a delay in seconds and bytes, perhaps none."""
        held, self._held = self._held, None
        pieces = self._apply(chunk, may_hold=held is None)
        return pieces if held is None else [*pieces, (0.0, held)]

    def _apply(self, chunk: bytes, *, may_hold: bool) -> list[tuple[float, bytes]]:
        faults, draw = self._faults, self._random
        if not chunk or self._strikes("drop", faults.drop):
            return []
        if len(chunk) > 1 and self._strikes("cut", faults.cut):
            chunk = chunk[: draw.randrange(1, len(chunk))]
        if self._strikes("corrupt", faults.corrupt):
            chunk = self._corrupted(chunk)
        if self._strikes("noise", faults.noise):
            noise = draw.randbytes(draw.randint(1, faults.noise_bytes))
            chunk = noise + chunk if draw.random() < 0.5 else chunk + noise
        if may_hold and self._strikes("reorder", faults.reorder):
            self._held = chunk
            return []
        delay = draw.uniform(*faults.late_s) if self._strikes("late", faults.late) else 0.0
        if len(chunk) > 1 and self._strikes("half", faults.half):
            middle = len(chunk) // 2
            pieces = [(delay, chunk[:middle]), (delay + faults.half_s, chunk[middle:])]
        else:
            pieces = [(delay, chunk)]
        if self._strikes("duplicate", faults.duplicate):
            pieces.append((pieces[-1][0] + faults.duplicate_s, chunk))
        return pieces

    def _strikes(self, name: str, share: float) -> bool:
        struck = share > 0 and self._random.random() < share
        self.struck[name] += struck
        return struck

    def _corrupted(self, chunk: bytes) -> bytes:
        damaged = bytearray(chunk)
        bits = self._random.sample(range(len(chunk) * 8), min(self._random.randint(1, 3), len(chunk) * 8))
        for bit in bits:
            damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)
