"""`headend point vacant`: said, ended, withdrawn, listed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.entries import Additions, NewUsagePoint
from storage.registry import Registry
from tests.headend.command import Headend


@pytest.fixture
def home(site: Path, conninfo: str) -> Path:
    async def add() -> None:
        async with Registry(conninfo) as registry:
            await registry.add(Additions(points=(NewUsagePoint(name="p1"),)))

    asyncio.run(add())
    return site


def test_a_vacancy_has_who_and_when_to_its_end(headend: Headend, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADEND_ACTOR", "Li")
    words = ("point", "vacant", "p1", "--json", "--config", home)
    assert headend(*words).documents == []
    said = headend(*words, "--from", "2026-03-01", "--reason", "moved out").document
    assert (said["from"], said["to"], said["by"], said["reason"]) == (
        "2026-02-28T16:00:00+00:00", None, "Li", "moved out",
    )  # fmt: skip
    ended = headend(*words, "--end", "2026-04-01T00:00:00+08:00", "--by", "Wang").document
    assert ended["to"] == "2026-03-31T16:00:00+00:00"
    assert (ended["ended"]["by"], ended["withdrawn"]) == ("Wang", None)
    headend(*words, "--from", "2026-05-01", "--to", "2026-06-01")
    gone = headend(*words, "--withdraw", said["id"], "--reason", "the wrong flat").documents
    assert [one["withdrawn"] and one["withdrawn"]["reason"] for one in gone] == ["the wrong flat", None]
    people = headend("point", "vacant", "p1", "--config", home).out
    assert "Li: the wrong flat" in people
    assert "2026-05-01T00:00:00+08:00" in people


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("p9",), 1, "no usage point named 'p9'"),
        (("p1", "--to", "2026-03-01"), 2, "--to goes with --from"),
        (("p1", "--from", "2026-03-01", "--to", "2026-03-01"), 2, "--to is not after --from"),
        (("p1", "--from", "2026-03-01", "--end", "2026-03-02"), 2, "goes neither with --end"),
        (("p1", "--end", "2026-03-02", "--withdraw", "1"), 2, "not allowed with"),
        (("p1", "--withdraw", "1"), 2, "--reason"),
        (("p1", "--withdraw", "1", "--reason", "wrong"), 1, "no vacancy with number 1"),
        (("p1", "--end", "2026-03-02"), 1, "no vacancy goes on"),
        (("p1", "--from", "soon"), 2, "is no time"),
    ],
)
def test_what_cannot_be_said_is_told(
    headend: Headend, home: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    ran = headend("point", "vacant", *words, "--config", home)
    assert ran.code == code
    assert says in ran.err
