"""The command line, called in this process as a shell would call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from headend.cli.main import run


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """Standard output as JSON, one document a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        (found,) = self.documents
        return found


Headend = Callable[..., Ran]


def caller(capsys: pytest.CaptureFixture[str]) -> Headend:
    """`headend("meter", "list")` runs that."""

    def headend(*argv: object) -> Ran:
        capsys.readouterr()
        try:
            code = run([str(word) for word in argv])
        except SystemExit as ended:  # argparse's way
            code = int(ended.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

    return headend
