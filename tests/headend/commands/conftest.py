from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.headend.commands.site import Site


@pytest.fixture
async def site(plain_database: str) -> AsyncIterator[Site]:
    built = await Site.build(plain_database)
    yield built
    await built.close()
