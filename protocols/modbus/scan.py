"""Who is on a line: what one unit says of itself, and which models fit what it gives. Reads only.

Three kinds of evidence, strongest first: its device identification (function 43/14) names a model; a register that the
model states holds what it should; voltages and frequency are plausible where the model keeps them. The last may fit
several models: all are told, none is chosen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from protocols.errors import BadAnswer, NoAnswer, Refused
from protocols.modbus.identification import ReadIdentification, decode_objects
from protocols.modbus.model import ModbusModel
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.plausible import judged
from protocols.modbus.reads import RegisterRead, single
from protocols.modbus.wire import ModbusWire, transact

_GATEWAY: Final = frozenset({"0A", "0B"})
_MOST_PARTS: Final = 16
_PROBES: Final = ("voltage_l1", "voltage_l2", "voltage_l3", "frequency")


class Presence(StrEnum):
    """What a unit did when it was asked."""

    ANSWERS = "answers"
    """It gave what was asked for."""
    REFUSES = "refuses"
    """It answered with exceptions only: something is there."""
    GARBLED = "garbled"
    """It answered frames that fit no question of ours: something is there, or two units share the address."""
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    """A gateway said that nobody answers behind it."""


class Grade(StrEnum):
    """How a model came to be proposed."""

    NAMED = "identification"
    STATED = "register"
    PLAUSIBLE = "plausibility"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that fits. `evidence` is what was seen, in words; `refused` counts refused reads of its plan."""

    model: str
    grade: Grade
    evidence: tuple[str, ...]
    plausible: int = 0
    refused: int = 0


@dataclass(slots=True)
class Found:
    """What is known of one unit; only what it said itself."""

    unit: int
    presence: Presence
    objects: Mapping[int, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """Refusals and broken answers, in words."""
    candidates: list[Candidate] = field(default_factory=list)


def look(unit: int, wire: ModbusWire) -> Generator[Any, Any, Found]:
    """Whether a unit is there, and its identification if it has one.

    Some meters keep silent about functions that they do not know, so a silent one is asked for a register too.
    """
    found = Found(unit, Presence.SILENT)
    try:
        found.objects = yield from _identification(unit, wire)
        found.presence = Presence.ANSWERS
        return found
    except (NoAnswer, Refused, BadAnswer) as error:
        _note(found, error)
    if found.presence is Presence.UNREACHABLE:
        return found
    for request in (ReadRegisters(4, 0, 2), ReadRegisters(3, 0, 1)):
        try:
            yield from transact(unit, request, wire)
        except (NoAnswer, Refused, BadAnswer) as error:
            _note(found, error)
        else:
            found.presence = Presence.ANSWERS
        if found.presence is not Presence.SILENT:
            break
    return found


def _note(found: Found, error: NoAnswer | Refused | BadAnswer) -> None:
    if isinstance(error, NoAnswer):
        return
    found.said.append(str(error))
    if isinstance(error, BadAnswer):
        found.presence = Presence.GARBLED
    else:
        found.presence = Presence.UNREACHABLE if error.code in _GATEWAY else Presence.REFUSES


def _identification(unit: int, wire: ModbusWire) -> Generator[Any, Any, dict[int, bytes]]:
    objects: dict[int, bytes] = {}
    code, first = 2, 0
    for _ in range(_MOST_PARTS):
        try:
            part = decode_objects((yield from transact(unit, ReadIdentification(code, first), wire)))
        except Refused:
            if code == 1 or objects:
                raise
            code = 1  # a device that has the basic category alone may refuse the regular one
            continue
        objects.update(part.objects)
        if part.following is None or part.following <= first:
            break
        first = part.following
    return objects


class Probe:
    """One unit's registers, each asked once however many models want it."""

    def __init__(self, unit: int, wire: ModbusWire) -> None:
        self._unit = unit
        self._wire = wire
        self._known: dict[tuple[int, int, int], bytes | None] = {}

    def data(self, read: RegisterRead) -> Generator[Any, Any, bytes | None]:
        """The registers' bytes; None where they were refused or came broken. Raises `NoAnswer`."""
        request = read.request
        key = (request.function, request.address, request.count)
        if key not in self._known:
            try:
                self._known[key] = yield from transact(self._unit, request, self._wire)
            except (Refused, BadAnswer):
                self._known[key] = None
        return self._known[key]


def fitting(found: Found, models: Iterable[ModbusModel], wire: ModbusWire) -> Generator[Any, Any, list[Candidate]]:
    """The models that fit a unit that is there: the named ones, else the stated ones, else those with plausible
    values, best first. A unit that falls silent meanwhile leaves what was found until then."""
    probe = Probe(found.unit, wire)
    models = list(models)
    candidates: list[Candidate] = []
    try:
        for model in models:
            if model.identity.named(found.objects):
                told = ", ".join(f"{n}: {text.decode('latin-1')!r}" for n, text in sorted(found.objects.items()))
                candidates.append(Candidate(model.head.name, Grade.NAMED, (f"identification {told}",)))
        if not candidates:
            for model in models:
                evidence = yield from _stated(model, probe)
                if evidence:
                    candidates.append(Candidate(model.head.name, Grade.STATED, evidence))
        if not candidates:
            for model in models:
                candidate = yield from _probed(model, probe)
                if candidate is not None:
                    candidates.append(candidate)
    except NoAnswer as error:
        found.said.append(str(error))
    return sorted(candidates, key=lambda c: (c.refused, -c.plausible, c.model))


def _stated(model: ModbusModel, probe: Probe) -> Generator[Any, Any, tuple[str, ...]]:
    """All registers that the model states must hold what they should."""
    evidence = []
    for clue in model.identity.registers:
        data = yield from probe.data(single(clue.register))
        if data is None:
            return ()
        value = clue.register.decode(data)
        if not clue.matches(value):
            return ()
        evidence.append(f"{clue.register.part.item} is {value}")
    return tuple(evidence)


def _probed(model: ModbusModel, probe: Probe) -> Generator[Any, Any, Candidate | None]:
    """Voltage and frequency first; only where they are plausible is the rest of the model's plan read."""
    evidence = []
    for register in (r for r in model.registers if r.part.name in _PROBES):
        read = single(register)
        data = yield from probe.data(read)
        if data is None:
            return None
        ((value, verdict),) = judged(read, data)
        if verdict is not None and not verdict.plausible:
            return None
        if verdict is not None:
            evidence.append(f"{value.part.name} {value} {value.part.unit} at {value.part.item}")
    wanted = {name for name in ("voltage_l1", "frequency") if name in model.by_name}
    if not evidence or not wanted <= {line.partition(" ")[0] for line in evidence}:
        return None
    plausible = refused = 0
    for read in model.plan(model.quantities):
        data = yield from probe.data(read)
        if data is None:
            refused += 1
            continue
        verdicts = [verdict for _, verdict in judged(read, data) if verdict is not None]
        if not all(verdict.plausible for verdict in verdicts):
            return None
        plausible += len(verdicts)
    return Candidate(model.head.name, Grade.PLAUSIBLE, tuple(evidence), plausible, refused)
