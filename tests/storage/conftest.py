from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Servers


@pytest.fixture
def plain_empty(servers: Servers) -> Iterator[str]:
    """A database without tables on plain PostgreSQL."""
    with servers("plain").fresh() as conninfo:
        yield conninfo
