"""Baud rates and parities at which a serial line of DL/T 645 may work, the likeliest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from headend.dialect import dialect
from protocols.links.url import parse_link, scheme_of

# 600 to 19200 bit/s (DL/T 645-2007, 5.1), 300 to 9600 (1997), even parity; 2400 from the factory, and most stay there
_LIKELY: Final = (2400, 9600, 4800, 1200, 19200, 600, 300)
_SET: Final = ("baudrate", "parity")


@dataclass(frozen=True, slots=True)
class Rate:
    """`url` opens the line at this rate; `name` is the like of 2400E, empty where the link has no rate to set."""

    name: str
    url: str


def rates(url: str, *, deep: bool = False) -> list[Rate]:
    """What the URL states, or DL/T 645's default, then the others; `deep`: without parity too.

    One alone, without a name, for a link whose rate cannot be set. Raises `ModelError`.
    """
    parse_link(url)
    if scheme_of(url).split("+")[-1] != "serial":
        return [Rate("", url)]
    stated = dict(dialect("dlt645").link) | dict(parse_qsl(urlsplit(url).query))
    parities = ("E", "N") if deep else ("E",)
    wanted = [(stated["baudrate"], stated["parity"]), *((str(rate), parity) for parity in parities for rate in _LIKELY)]
    base, _, query = url.partition("?")
    rest = [item for item in query.split("&") if item and item.partition("=")[0] not in _SET]
    found: list[Rate] = []
    for rate, parity in dict.fromkeys(wanted):
        again = "&".join([*rest, f"baudrate={rate}", f"parity={parity}"])
        found.append(Rate(rate + parity, f"{base}?{again}" if found else url))
    return found
