"""What a protocol wants of a line: link defaults, framing, the model that stands in where none is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from headend.errors import UsageFault
from protocols import modbus
from protocols.dlt645.wire import Wire as Dlt645Wire
from protocols.links.url import scheme_of
from protocols.meter_model import Wire


@dataclass(frozen=True, slots=True)
class Dialect:
    """`link`: URL parameters that hold where the URL does not say; `models` read items where none is named, by edition
    (empty where none is named either); `broadcast`: the address that nobody answers."""

    link: Mapping[str, str]
    wires: Mapping[str, Callable[[], Wire[Any]]]
    models: Mapping[str, str]
    broadcast: re.Pattern[str]


_DLT645_MODELS: Final = {"": "dlt645_2007", "2007": "dlt645_2007", "1997": "dlt645_1997"}

DIALECTS: Final[Mapping[str, Dialect]] = {
    # DL/T 645-2007, 5.1: 8 data bits, even parity, 1 stop bit; 2400 bit/s from the factory
    "dlt645": Dialect({"baudrate": "2400", "parity": "E"}, {"": Dlt645Wire}, _DLT645_MODELS, re.compile("^9{12}$")),
    # Meters come with 9600 8N1 far more often than with the even parity that the Modbus guide asks for
    "modbus": Dialect(
        {"baudrate": "9600", "parity": "N"}, {"rtu": modbus.RtuWire, "tcp": modbus.TcpWire}, {}, re.compile("(?!)")
    ),
}


def dialect(protocol: str) -> Dialect:
    """Raises `UsageFault` for a protocol that is not spoken here."""
    if protocol not in DIALECTS:
        raise UsageFault(f"unknown protocol {protocol!r}: expected one of {', '.join(DIALECTS)}")
    return DIALECTS[protocol]


def framing_of(protocol: str, url: str, stated: str = "") -> str:
    """Modbus over ``tcp://`` is Modbus TCP unless `stated` says rtu; else RTU. Empty for DL/T 645: it has but one."""
    if stated or protocol != "modbus":
        return stated
    return "tcp" if scheme_of(url).split("+")[-1] == "tcp" else "rtu"


def wire(protocol: str, url: str, framing: str = "") -> Wire[Any]:
    """A fresh framing for one open line. Raises `UsageFault` for a framing that the protocol has not."""
    wires = dialect(protocol).wires
    chosen = framing_of(protocol, url, framing)
    if chosen not in wires:
        raise UsageFault(
            f"framing {framing!r} does not fit {protocol}: expected one of {', '.join(filter(None, wires))}"
        )
    return wires[chosen]()


_RTU_SILENCE: Final = 3.5
_BITS_PER_BYTE: Final = 11
_SLOWEST_FIXED: Final = 19_200


def pause(framing: str, bits_per_second: int) -> float:
    """Seconds of silence before a request, as the standard wants it.

    RTU: 3.5 characters, and 1.75 ms above 19200 bit/s (Modbus over Serial Line V1.02, 2.5.1.1); where the rate is not
    known, behind a transparent gateway, that of 9600 bit/s. DL/T 645 asks for none: the meter's own 20 ms before it
    answers keep the frames apart; Modbus TCP knows no silence.
    """
    if framing != "rtu":
        return 0.0
    if bits_per_second > _SLOWEST_FIXED:
        return 0.00175
    return _RTU_SILENCE * _BITS_PER_BYTE / (bits_per_second or 9_600)
