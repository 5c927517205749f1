"""A password that is kept for a meter."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.dlt645.services.access import Access


@dataclass(frozen=True, slots=True)
class Held:
    """`state`: current, next (told to the meter, or about to be) or past."""

    state: str
    access: Access
