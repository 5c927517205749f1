"""Who is there, and what fits: evidence, never a guess."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from protocols import models
from protocols.modbus import ModbusModel, RtuWire
from protocols.modbus.pdu import ReadRegisters, exception_reply
from protocols.modbus.scan import Candidate, Found, Grade, Presence, fitting, look
from tests.protocols.modbus.conversation import Image, driven

Unit = Callable[[bytes], bytes]


def model(name: str) -> ModbusModel:
    found = models.load(name)
    assert isinstance(found, ModbusModel)
    return found


ALL = [model(name) for name in models.names() if models.load(name).head.protocol == "modbus"]


def meter(name: str, **changed: str) -> Image:
    """A meter of that kind with plausible values, zeros in its holes as far as one read goes over them."""
    kind = model(name)
    image = Image({})
    typical = {"voltage": "230", "frequency": "50", "power_factor": "0.9", "current": "2"}
    for function, ground in kind.grounds.items():
        for run in ground.runs():
            image.put(function, run[0].address, bytes(2 * (run[-1].end - run[0].address)))
    for register in kind.registers:
        if register.part.quantity is None or register.factor is not None:
            continue
        name_ = register.part.name
        value = changed.get(name_) or next((v for word, v in typical.items() if name_.startswith(word)), "1")
        image.put(register.function, register.address, register.encode(Decimal(value)))
    return image


def scanned(image: Image, kinds: list[ModbusModel] = ALL) -> tuple[Found, list[Candidate]]:
    units: dict[int, Unit] = {5: image.answer}
    found = driven(look(5, RtuWire()), units)
    return found, driven(fitting(found, kinds, RtuWire()), units)


def test_silence_is_nobody() -> None:
    found = driven(look(5, RtuWire()), {})
    assert (found.presence, found.objects, found.said) == (Presence.SILENT, {}, [])


def test_a_gateway_speaks_for_nobody() -> None:
    found = driven(look(5, RtuWire()), {5: lambda pdu: exception_reply(pdu[0], 0x0B)})
    assert found.presence is Presence.UNREACHABLE
    assert "failed to respond" in found.said[0]


def test_exceptions_show_that_somebody_is_there() -> None:
    found, candidates = scanned(Image({}))
    assert found.presence is Presence.REFUSES
    assert candidates == []
    assert all("refused by the meter" in text for text in found.said)


def test_an_answer_that_fits_nothing_is_told_apart() -> None:
    garbage: dict[int, Unit] = {
        5: lambda pdu: bytes((pdu[0], 0x0E, 1, 1, 0, 0, 1, 0, 9)) if pdu[0] == 43 else b"\x84\x02"
    }
    found = driven(look(5, RtuWire()), garbage)
    assert found.presence is Presence.REFUSES
    assert "device identification" in found.said[0]


def test_a_name_decides() -> None:
    image = meter("schneider_iem3000")
    image.objects = {0: b"Schneider Electric", 1: b"iEM3155", 2: b"1.5"}
    found, candidates = scanned(image)
    assert found.presence is Presence.ANSWERS
    assert [(c.model, c.grade) for c in candidates] == [("schneider_iem3000", Grade.NAMED)]
    assert "iEM3155" in candidates[0].evidence[0]


def test_a_maker_whose_product_is_not_known_is_not_named() -> None:
    image = Image({}, {0: b"Schneider Electric", 1: b"PM8240"})
    found, candidates = scanned(image)
    assert found.objects[1] == b"PM8240"
    assert candidates == []


def test_a_register_that_says_what_it_is() -> None:
    image = meter("carlo_gavazzi_em340")
    image.put(3, 11, (341).to_bytes(2, "big"))
    _, candidates = scanned(image)
    assert [(c.model, c.grade, c.evidence) for c in candidates] == [
        ("carlo_gavazzi_em340", Grade.STATED, ("holding 11 is 341",))
    ]


def test_plausible_values_propose_all_that_fit() -> None:
    _, candidates = scanned(meter("eastron_sdm630"))
    names = [c.model for c in candidates]
    assert "eastron_sdm630" in names
    assert all(name.startswith("eastron") for name in names), names
    assert {c.grade for c in candidates} == {Grade.PLAUSIBLE}
    assert candidates[0].refused == 0
    assert any(line.startswith("voltage_l1 230") for line in candidates[0].evidence)


@pytest.mark.parametrize("name", ["peacefair_pzem016", "lovato_dmg610", "socomec_countis_e", "chint_ddsu666"])
def test_a_meter_is_found_by_what_it_gives(name: str) -> None:
    _, candidates = scanned(meter(name))
    assert candidates[0].model == name


def test_implausible_values_propose_nothing() -> None:
    _, candidates = scanned(meter("eastron_sdm630", voltage_l1="3", frequency="7"))
    assert candidates == []


def test_zeros_prove_nothing() -> None:
    image = Image({3: dict.fromkeys(range(0x10000), 0), 4: dict.fromkeys(range(0x10000), 0)})
    _, candidates = scanned(image)
    assert candidates == []


def test_each_register_is_asked_once() -> None:
    image = meter("eastron_sdm630")
    scanned(image)
    asked = [r for r in image.asked if isinstance(r, ReadRegisters)]
    # the first look asks for a register too
    assert len(asked) - len(set(asked)) <= 1


def test_a_meter_that_falls_silent_leaves_what_was_found() -> None:
    image = meter("eastron_sdm630")
    found = driven(look(5, RtuWire()), {5: image.answer})
    assert driven(fitting(found, ALL, RtuWire()), {}) == []
    assert found.said[-1] == "no answer"
