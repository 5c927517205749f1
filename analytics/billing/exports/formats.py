"""The formats: one row each. CMEP and IEC 61968-9 MeterReadings are further rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, Final, Generic, TypeVar

from analytics.billing.exports import espi, house, house_csv, house_registers, nem12, nem13, parquet
from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.espi_codes import title
from analytics.billing.exports.manifest import Key
from analytics.billing.exports.nem import register
from analytics.billing.exports.nem13 import Consumption
from analytics.billing.exports.series import Batch, Channel
from analytics.billing.exports.verify import espi as espi_check
from analytics.billing.exports.verify import house as house_check
from analytics.billing.exports.verify import nem12 as nem12_check
from analytics.billing.exports.verify import nem13 as nem13_check
from analytics.billing.exports.verify.found import Found

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Format(Generic[Item]):
    """`named`: how a file of it tells series apart, which is how the manifest names them."""

    name: str
    version: str
    suffix: str
    write: Callable[[Iterable[Item], Batch], Iterator[bytes]]
    check: Callable[[BinaryIO], Found]
    named: Callable[[Channel], Key]


def _house(channel: Channel) -> Key:
    return (channel.meter, channel.point, channel.channel, channel.tou)


def _nem12(channel: Channel) -> Key:
    names = register(channel)
    return (names.nmi[:10], names.suffix)


def _nem13(channel: Channel) -> Key:
    names = register(channel)
    return (names.nmi[:10], names.suffix, names.register)


def _espi(channel: Channel) -> Key:
    return (channel.point, title(channel))


INTERVALS: Final[Mapping[str, Format[Bundle]]] = MappingProxyType({
    "csv": Format("csv", house.VERSION, ".csv", house_csv.write, house_check.check_csv, _house),
    "parquet": Format("parquet", house.VERSION, ".parquet", parquet.write, house_check.check_parquet, _house),
    "nem12": Format("nem12", nem12.VERSION, ".nem12.csv", nem12.write, nem12_check.check, _nem12),
    "espi": Format("espi", espi.VERSION, ".xml", espi.write, espi_check.check, _espi),
})  # fmt: skip
REGISTERS: Final[Mapping[str, Format[Consumption]]] = MappingProxyType({
    "csv": Format(
        "csv", house_registers.VERSION, ".registers.csv", house_registers.write_csv, house_check.check_csv, _house
    ),
    "parquet": Format(
        "parquet", house_registers.VERSION, ".registers.parquet", house_registers.write_parquet,
        house_check.check_parquet, _house,
    ),
    "nem13": Format("nem13", nem13.VERSION, ".nem13.csv", nem13.write, nem13_check.check, _nem13),
})  # fmt: skip
CHECKS: Final[Mapping[str, Callable[[BinaryIO], Found]]] = MappingProxyType(
    {name: form.check for name, form in INTERVALS.items()} | {name: form.check for name, form in REGISTERS.items()}
)
_OPENINGS: Final = ((b"100,NEM12", "nem12"), (b"100,NEM13", "nem13"), (b"PAR1", "parquet"), (b"<", "espi"))


def told(opening: bytes) -> str:
    """The format of a file that begins so; what looks like no other is the house CSV."""
    return next((name for start, name in _OPENINGS if opening.removeprefix(b"\xef\xbb\xbf").startswith(start)), "csv")
