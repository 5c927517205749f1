"""A kind of meter as data: one TOML file a model, golden frames inside it.

    [model]
    name = "eastron_sdm630"          # the file's name
    title = "Eastron SDM630-Modbus"
    maker = "Eastron"
    protocol = "modbus"              # whose `parse` reads the rest of the file
    source = "where the map was read, and what was confirmed by a second source"

    [[golden]]                       # evidence: a real or constructed conversation, decoded by `headend model test`
    request = "68 .. 16"             # hex
    reply = "68 .. 16"
    values = { active_energy_import = "123456.78" }
    source = "captured / constructed from ..."

What stands besides is the protocol's own: see `protocols/dlt645/model.py` and `protocols/modbus/model.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from protocols import dlt645, modbus
from protocols.errors import ModelError
from protocols.exchange import Exchange, FrameReader
from protocols.model import Quantity, Value

F = TypeVar("F")


class Wire(Protocol[F]):
    """How a protocol's frames stand on one kind of link (RTU or TCP framing, edition ...). One per open line."""

    def reader(self) -> FrameReader[F]:
        """A fresh reader for what meters send."""


class Read(Protocol):
    """One request that a model can make, and what it gives."""

    @property
    def label(self) -> str:
        """The item as people write it: ``0001FF00``, ``input 0..17``."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The stored quantities in the answer."""

    def exchange(self, address: str, wire: Any) -> Exchange[Any, list[Value]]:
        """The conversation that reads it from the meter at `address`."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One conversation with known values."""

    request: bytes
    reply: bytes
    values: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Head:
    """What every model file states first."""

    name: str
    title: str
    maker: str
    protocol: str
    source: str
    golden: tuple[Golden, ...]


class MeterModel(Protocol):
    """A kind of meter. Immutable; shared by all meters of the kind."""

    @property
    def head(self) -> Head: ...

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything stored that this kind of meter can give."""

    def plan(self, wanted: Collection[Quantity]) -> tuple[Read, ...]:
        """The fewest requests that give `wanted`. Raises `ModelError` naming what the model lacks."""

    def read(self, item: str) -> Read:
        """The request for one item as a person names it: a data identifier, register, quantity name or OBIS code.

        Raises `ModelError`.
        """

    def check_address(self, address: str) -> str:
        """The address in its normal spelling. Raises `ModelError` saying what was expected."""

    def decode_golden(self, golden: Golden) -> list[Value]:
        """Decode the golden conversation. Raises `CommunicationError` when the bytes are not a good answer."""


PARSERS: Final[Mapping[str, Callable[[Head, dict[str, Any]], MeterModel]]] = {
    "dlt645": dlt645.parse_model,
    "modbus": modbus.parse_model,
}


class _HeadTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    title: str
    maker: str
    protocol: str
    source: str


class _GoldenTable(msgspec.Struct, forbid_unknown_fields=True):
    request: str
    reply: str
    values: dict[str, str]
    source: str


def parse(text: str, where: str) -> MeterModel:
    """Read one model file's text. `where` names the file in errors. Raises `ModelError` with file, key and expectation."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where}: not TOML: {error}") from error
    try:
        head = msgspec.convert(tables.pop("model", None), _HeadTable)
        golden = msgspec.convert(tables.pop("golden", []), list[_GoldenTable])
        goldens = tuple(Golden(bytes.fromhex(g.request), bytes.fromhex(g.reply), g.values, g.source) for g in golden)
        parser = PARSERS.get(head.protocol)
        if parser is None:
            raise ModelError(f"model.protocol is {head.protocol!r}, expected one of {', '.join(PARSERS)}")
        return parser(Head(head.name, head.title, head.maker, head.protocol, head.source, goldens), tables)
    except (msgspec.ValidationError, ValueError, ModelError) as error:
        raise ModelError(f"{where}: {error}") from error


def names() -> list[str]:
    """The models that are shipped, by listing the folder."""
    folder = resources.files("protocols") / "models"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def load(name: str) -> MeterModel:
    """The shipped model of that name, or the one in the file when `name` is a path ending in .toml. Raises `ModelError`."""
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return parse(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise ModelError(f"model file {name}: {error.strerror}") from error
    if name not in names():
        raise ModelError(f"unknown model {name!r}: expected one of {', '.join(names())} or a path to a .toml file")
    text = (resources.files("protocols") / "models" / f"{name}.toml").read_text(encoding="utf-8")
    return parse(text, f"{name}.toml")
