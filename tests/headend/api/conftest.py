from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.types import ASGIApp

from tests.conftest import Servers
from tests.headend.api.site import client, configured, furnish, opened


@pytest.fixture(scope="session")
def furnished(servers: Servers) -> Iterator[str]:
    """A database with a small network and readings, of which tests only read."""
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo:
        asyncio.run(furnish(conninfo))
        yield conninfo


@pytest.fixture
async def app(furnished: str) -> AsyncIterator[ASGIApp]:
    async with opened(configured(furnished)) as built:
        yield built


@pytest.fixture
async def api(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may everything."""
    async with client(app) as asking:
        yield asking
