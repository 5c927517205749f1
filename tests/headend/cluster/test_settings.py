"""The table `[cluster]`: what cannot hold is refused by key."""

from __future__ import annotations

import pytest

from headend.cluster.settings import Terms
from headend.config import parse
from headend.errors import UsageFault
from tests.headend.conftest import configuration


def text(table: str) -> str:
    return configuration("dbname=x") + f"\n[cluster]\n{table}\n"


def test_without_the_table_there_are_no_leases() -> None:
    assert not parse(configuration("dbname=x"), "f").cluster.enabled


def test_defaults_hold_with_the_default_timing() -> None:
    config = parse('[database]\ndsn = "dbname=x"\n[cluster]\nenabled = true', "f")
    assert config.cluster.terms == Terms(15.0, 3.0, 3.0)
    assert config.cluster.terms.patience == 6.0


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('ttl = "soon"', r"cluster\.ttl: "),
        ('renew = "0s"', r"cluster\.renew: .*above 0"),
        ('enabled = true\nttl = "9s"\nrenew = "3s"\nmargin = "3.1s"', r"cluster\.ttl: .*twice renew and margin"),
        ('enabled = true\nmargin = "100ms"', r"cluster\.margin: .*at least 1s, response and latency"),
        ("enabled = 1", r"cluster\.enabled"),
        ("lines = 5", "unknown field `lines`"),
    ],
)
def test_what_cannot_hold_is_refused(table: str, expected: str) -> None:
    with pytest.raises(UsageFault, match=expected):
        parse(text(table), "f")


def test_just_enough_is_taken() -> None:
    config = parse(text('enabled = true\nttl = "9s"\nrenew = "3s"\nmargin = "3s"'), "f")
    assert config.cluster.terms == Terms(9.0, 3.0, 3.0)


def test_an_embedded_database_cannot_be_shared() -> None:
    with pytest.raises(UsageFault, match=r"cluster\.enabled: expected database\.dsn"):
        parse('[database]\ndirectory = "d"\n[cluster]\nenabled = true', "f")
