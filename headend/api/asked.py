"""What resources are given with a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from headend.api import house
from headend.api.caller import Caller
from headend.api.house import House
from headend.api.problem import Problem


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _reader(request: Request) -> Caller:
    caller = await _caller(request)
    caller.areas()
    return caller


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


async def _front(request: Request) -> house.Front:
    front = (await _house(request)).front
    if front is None:
        raise Problem("unavailable", "commands are not served here")
    return front


Asker = Annotated[Caller, Depends(_caller)]
"""Whoever has a token."""
Reader = Annotated[Caller, Depends(_reader)]
"""Who may read."""
Home = Annotated[House, Depends(_house)]
Front = Annotated[house.Front, Depends(_front)]
