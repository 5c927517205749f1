"""Simulated meters with chosen traits, for tests of everything that is built on them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from protocols.models import load as load_model
from protocols.models import names, parse
from simulators.digits import Nameplate
from simulators.load import draw_load
from simulators.meter import VirtualMeter, draw_start

NOON = datetime(2026, 11, 22, 4, 30, 7, tzinfo=UTC)
"""Half past twelve in Shanghai: a roof gives back."""
EVENING = datetime(2026, 11, 22, 12, 10, 3, tzinfo=UTC)

INTEGER_MODEL = """
[model]
name = "integers"
title = "A meter with integer registers of every width"
maker = "nobody"
protocol = "modbus"
source = "made up for tests"

[modbus]
function = 3
address_base = 1

[[register]]
quantity = "active_energy_import"
address = 1
type = "u32"
scale = "0.01"

[[register]]
quantity = "active_energy_export"
address = 3
type = "u64"
unit = "Wh"
scale = "0.001"
word_order = "low"

[[register]]
quantity = "voltage_l1"
address = 7
type = "u16"
scale = "0.1"

[[register]]
quantity = "active_power"
address = 8
type = "s32"
unit = "W"
scale = "0.001"
byte_order = "little"

[[register]]
quantity = "power_factor"
address = 10
type = "s16"
scale = "0.001"

[[register]]
quantity = "current_l1"
address = 20
type = "u16"
scale = "0.05"
"""


@cache
def plate(name: str = "dlt645_2007") -> Nameplate:
    """By a shipped model's name, or "integers"."""
    return Nameplate.of(parse(INTEGER_MODEL, "integers.toml") if name == "integers" else load_model(name))


def meter(seed: int = 1, model: str = "dlt645_2007", load: str = "", **traits: Any) -> VirtualMeter:
    """A meter whose every trait follows from `seed` where none is given."""
    address = "260000000016" if model.startswith("dlt645") else "44"
    fixed: dict[str, Any] = {
        "name": f"m-{seed}",
        "address": address,
        "plate": plate(model),
        "load": draw_load(seed, load),
        "start": draw_start(seed),
        "seed": seed,
    }
    return VirtualMeter(**(fixed | traits))


MODELS = [*names(), "integers"]
