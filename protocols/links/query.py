"""Reading a link's URL: the parts that all schemes share, typed; errors name URL, parameter and what was expected."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from protocols.errors import ModelError

_PASSWORD = re.compile(r"(://[^/?#@:]*):[^/?#@]*@")


def redacted(url: str) -> str:
    """The URL with its password starred out, for logs and errors."""
    return _PASSWORD.sub(r"\1:***@", url)


class Query:
    """One URL being read. `defaults` stand in for parameters that the URL does not give; those that the scheme does
    not know are left alone, so one set of defaults serves every scheme.

    The query is not form data: ``+`` is a plus sign (topics and expressions hold it), ``%20`` a space.
    """

    def __init__(self, url: str, defaults: Mapping[str, str]) -> None:
        self.shown = redacted(url)
        self.parts: SplitResult = self._split(url)
        self._defaults = defaults
        self._given: dict[str, str] = {}
        self._known: set[str] = set()
        for item in filter(None, self.parts.query.split("&")):
            name, _, value = item.partition("=")
            if name in self._given:
                self.refuse(f"parameter {name!r} is given twice")
            self._given[name] = unquote(value)

    def refuse(self, why: str) -> NoReturn:
        raise ModelError(f"link {self.shown}: {why}")

    def _split(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            self.refuse(str(error))
        if parts.fragment:
            self.refuse("a '#' must be written %23")
        return parts

    def host(self) -> str:
        host = self.parts.hostname
        if not host:
            self.refuse(f"no host, expected {self.parts.scheme}://host:port")
        try:
            host.encode("idna")
        except UnicodeError:
            self.refuse(f"{host!r} is not a host name or address")
        return host

    def port(self, default: int | None = None) -> int:
        try:
            port = self.parts.port
        except ValueError:
            self.refuse("the port is not a number from 1 to 65535")
        port = default if port is None else port
        if not port:
            self.refuse(f"no port, expected {self.parts.scheme}://host:port with a port from 1 to 65535")
        return port

    def text(self, name: str, default: str | None = None) -> str:
        """Raises `ModelError` where there is neither value nor default."""
        self._known.add(name)
        value = self._given.get(name, self._defaults.get(name, default))
        if value is None or (not value and default is None):
            self.refuse(f"parameter {name!r} is missing")
        return value

    def optional(self, name: str) -> str | None:
        return self.text(name, "") or None

    def choice(self, name: str, default: str, among: Collection[str]) -> str:
        value = self.text(name, default)
        if value not in among:
            self.refuse(f"parameter {name!r} is {value!r}, expected one of {', '.join(among)}")
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            self.refuse(f"parameter {name!r} is {value!r}, expected a whole number from {low} to {high}")
        return int(value)

    def seconds(self, name: str, default: float) -> float:
        """A positive time-out, at most a day."""
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not 0 < float(value) <= 86400:
            self.refuse(f"parameter {name!r} is {value!r}, expected seconds, above 0 and at most 86400")
        return float(value)

    def finish(self) -> None:
        """Refuse what nobody asked for: a misspelt parameter must not be ignored."""
        unknown = sorted(set(self._given) - self._known)
        if unknown:
            known = f"expected {', '.join(sorted(self._known))}" if self._known else "this scheme has none"
            self.refuse(f"unknown parameter {unknown[0]!r}, {known}")
