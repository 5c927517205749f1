"""Where webhooks may lead, and how they are signed."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable

import httpcore
import pytest

from headend.errors import UsageFault
from headend.webhooks.signing import FRESH_S, is_ours, signature
from headend.webhooks.targets import Forbidden, Guarded, checked, is_allowed, networks

INSIDE = networks(["10.1.0.0/16", "fd00:1::/32"])


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1::1", "10.1.2.3", "fd00:1::5", "::ffff:10.1.2.3"])
def test_open_and_named_networks_are_reached(text: str) -> None:
    assert is_allowed(ipaddress.ip_address(text), INSIDE)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.2.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00:2::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe",
     "2001:0:7f00:1::"],
)  # fmt: skip
def test_the_machine_and_its_neighbours_are_not(text: str) -> None:
    assert not is_allowed(ipaddress.ip_address(text), INSIDE)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "https://example.com:8443/a?b=c", "http://10.1.0.9/x", "https://[fd00:1::9]/"]
)
def test_an_address_may_be_spelled_so(url: str) -> None:
    assert checked(url, INSIDE) == url


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://93.184.216.34/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/",
     "ftp://example.com/", "file:///etc/passwd", "https://user@example.com/", "https://u:p@example.com/",
     "https://example.com/#x", "https://example.com:99999/", "https://example.com:0/", "https:///x", "https://[::1",
     "https://example.com/a b", "https://example.com/\n", "https://exämple.com/", "", "gopher://10.1.0.9/"],
)  # fmt: skip
def test_an_address_is_refused(url: str) -> None:
    with pytest.raises(UsageFault, match="url: "):
        checked(url, INSIDE)


async def test_a_name_is_looked_at_when_it_is_used() -> None:
    """localhost is a name like another, and leads where nobody may go."""
    with pytest.raises(Forbidden, match="localhost leads to"):
        await Guarded(()).connect_tcp("localhost", 80)
    with pytest.raises(httpcore.ConnectError):
        await Guarded(networks(["127.0.0.0/8", "::1/128"])).connect_tcp("localhost", 1)
    with pytest.raises(Forbidden):
        await Guarded(()).connect_unix_socket("/run/docker.sock")


def changed(body: bytes) -> Iterable[tuple[str, bytes, int]]:
    good = signature("secret", 1000, body)
    yield good, body + b" ", 1000
    yield good.replace("t=1000", "t=1001"), body, 1000
    yield signature("other", 1000, body), body, 1000
    yield good, body, 1000 + FRESH_S + 1
    yield from ((spelled, body, 1000) for spelled in ("", "v1=", "t=,v1=", "t=²,v1=x", good + "0", good[:-1]))


def test_a_signature_holds_for_one_body_at_one_time() -> None:
    body = b'{"items":[]}'
    header = signature("secret", 1000, body)
    assert is_ours("secret", header, body, 1000 + FRESH_S)
    assert header == "t=1000,v1=" + hmac.digest(b"secret", b"1000." + body, "sha256").hex()
    for spelled, given, now in changed(body):
        assert not is_ours("secret", spelled, given, now), spelled
