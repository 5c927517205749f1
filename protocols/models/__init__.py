"""The meter models that are shipped: list this folder. To add one, put a TOML file here.

The file's common part is described in `protocols/meter_model.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from protocols import dlt645, modbus
from protocols.errors import ModelError
from protocols.meter_model import Golden, Head, MeterModel

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
    """Read one model file's text. `where` names the file in errors. Raises `ModelError`."""
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
    folder = resources.files(__name__)
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def load(name: str) -> MeterModel:
    """The shipped model of that name, or the one in a file when `name` ends in .toml. Raises `ModelError`."""
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return parse(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise ModelError(f"model file {name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ModelError(f"model file {name}: not UTF-8: {error.reason} at byte {error.start}") from error
    if name not in names():
        raise ModelError(f"unknown model {name!r}: expected one of {', '.join(names())} or a path to a .toml file")
    text = (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    return parse(text, f"{name}.toml")
