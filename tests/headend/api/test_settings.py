"""`[api]`: what is refused, and that nobody listens to the world in the clear by mistake."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headend.api.settings import ApiTable, problems


def told(**keys: Any) -> list[str]:
    return [f"{key}: {problem}" for key, problem in problems(msgspec.convert(keys, ApiTable))]


@pytest.mark.parametrize(
    "keys",
    [{}, {"listen": ""}, {"listen": "localhost:1"}, {"listen": "[::1]:8645"}, {"listen": "127.0.0.2:0"},
     {"listen": "0.0.0.0:8645", "certificate": "c", "key": "k"}, {"listen": "10.0.0.1:80", "insecure": True},
     {"webhook_targets": ["10.1.0.0/16", "fd00::/8"]}],
)  # fmt: skip
def test_it_may_be_so(keys: dict[str, Any]) -> None:
    assert told(**keys) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"listen": "0.0.0.0:8645"}, "listen: '0.0.0.0:8645' is reached from elsewhere"),
        ({"listen": "[::]:8645"}, "reached from elsewhere"),
        ({"listen": "headend.example:8645"}, "reached from elsewhere"),
        ({"listen": "8645"}, "expected host:port"), ({"listen": "x:99999"}, "expected host:port"),
        ({"listen": ":8645"}, "expected host:port"), ({"certificate": "c"}, "go together"),
        ({"key": "k"}, "go together"),
        ({"client_ca": "c"}, "certificate and key with it"), ({"streams": 0}, "streams: is at least 1"),
        ({"body": 10}, "body: is at least 1000"), ({"patience": "0s"}, "above 0"), ({"patience": "x"}, "no duration"),
        ({"webhook_targets": ["10.1.0.1/16"]}, "has host bits set"), ({"webhook_targets": ["*"]}, "webhook_targets: "),
    ],
)  # fmt: skip
def test_it_may_not_be_so(keys: dict[str, Any], said: str) -> None:
    (flaw,) = told(**keys)
    assert said in flaw
