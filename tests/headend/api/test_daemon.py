"""The API of a daemon that runs: over a socket, in the daemon's own loop, until it ends."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from headend.api.app import build
from headend.api.house import House
from headend.api.offered import offered
from headend.api.server import Served, served, tls_of
from headend.api.settings import ApiTable
from headend.config import Config
from headend.errors import UsageFault
from headend.health.host_clock import HostClock
from storage.connection import Session
from storage.people import add_grant, add_person, end_token, new_token
from tests.headend.api.site import ALL, KEYS, T0, Keys, configured


@asynccontextmanager
async def serving(config: Config, **more: Any) -> AsyncIterator[Served]:
    house = House(config, config.database.dsn, lambda: T0 + timedelta(hours=1))
    try:
        async with served(config, build(house, Keys(dict(KEYS)))) as found:
            yield found
    finally:
        await house.close()


async def test_an_empty_address_is_no_api(furnished: str) -> None:
    async with offered(configured(furnished, listen=""), furnished, HostClock()) as found:
        assert found is None


async def test_it_listens_and_ends(furnished: str) -> None:
    headers = {"authorization": f"Bearer {ALL}"}
    async with (
        serving(configured(furnished, listen="127.0.0.1:0")) as found,
        httpx.AsyncClient(base_url=found.url, headers=headers) as asking,
    ):
        answer = await asking.get("/v1/areas")
        assert [item["name"] for item in answer.json()["items"]] == ["east", "west"]
        assert "server" not in answer.headers
    with pytest.raises(ConnectionRefusedError):
        dial(found)


async def test_readings_go_on_without_an_api_where_nobody_named_its_address(
    furnished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr("headend.api.offered.ApiTable", lambda: ApiTable(listen=where))
        async with offered(configured(furnished, listen=where), furnished, HostClock()) as found:
            assert found is None
        monkeypatch.undo()
        with pytest.raises(UsageFault, match=r"api\.listen"):
            async with offered(configured(furnished, listen=where), furnished, HostClock()):
                raise AssertionError("it serves")


async def test_an_address_in_use_is_told(furnished: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageFault, match=f"api.listen: {where}: "):
            async with serving(configured(furnished, listen=where)):
                raise AssertionError("it listens")


async def test_tokens_of_the_database_open_until_they_end(plain_database: str) -> None:
    async with Session(plain_database) as session, session.use() as connection:
        await add_person(connection, "anna", is_person=True, by="test")
        token = await new_token(connection, "anna", "laptop", timedelta(hours=1), by="test")
        async with offered(configured(plain_database, listen="127.0.0.1:0"), plain_database, HostClock()) as found:
            assert found is not None
            headers = {"authorization": f"Bearer {token.secret}"}
            async with httpx.AsyncClient(base_url=found.url, headers=headers) as asking:
                assert (await asking.get("/v1/areas")).status_code == 403  # she may nothing yet
                await add_grant(connection, "anna", "reader", functions=None, areas=["*"], by="test")
                assert (await asking.get("/v1/areas")).status_code == 200
                await end_token(connection, token.id, by="test")
                assert (await asking.get("/v1/areas")).status_code == 401


def dial(found: Served) -> socket.socket:
    host, _, port = found.address.rpartition(":")
    return socket.create_connection((host, int(port)))


async def ended(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def said(found: Served, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*found.address.split(":"))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        await ended(writer)


@pytest.mark.parametrize(
    "request_",
    [b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/1.1\r\nA" + b"a" * 100_000,
     b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_request_ends_its_connection_alone(furnished: str, request_: bytes) -> None:
    async with serving(configured(furnished, listen="127.0.0.1:0")) as found:
        assert (await said(found, request_)).startswith(b"HTTP/1.1 400 ")
        async with httpx.AsyncClient(base_url=found.url) as asking:
            assert (await asking.get("/openapi.json")).status_code == 200


async def test_a_body_that_does_not_come_is_given_up(furnished: str) -> None:
    config = configured(furnished, listen="127.0.0.1:0", patience="50ms")
    head = f"POST /v1/areas HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALL}\r\nContent-Length: 10\r\n\r\nhalf"
    async with serving(config) as found:
        answer = await said(found, head.encode())
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b"urn:headend:problem:timeout" in answer


async def test_who_connects_and_says_nothing_is_given_up(furnished: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headend.api.server._FIRST_S", 0.05)
    async with serving(configured(furnished, listen="127.0.0.1:0")) as found:
        for beginning in (b"", b"GET / HT"):
            assert await said(found, beginning) == b""


async def test_no_more_connections_than_allowed(furnished: str) -> None:
    async with serving(configured(furnished, listen="127.0.0.1:0", connections=3)) as found:
        idle = [dial(found) for _ in range(3)]
        async with httpx.AsyncClient(base_url=found.url) as asking:
            assert (await asking.get("/openapi.json")).status_code == 503
        for one in idle:
            one.close()


def certificate(folder: Path) -> tuple[str, str]:
    """One for 127.0.0.1 that signs itself, and its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl to make a certificate with")
    made = str(folder / "cert.pem"), str(folder / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    options = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-out", made[0], "-keyout", made[1]]
    subprocess.run([program, *options, *subject], check=True, capture_output=True)
    return made


async def test_over_tls_with_certificates_on_both_sides(furnished: str, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    config = configured(furnished, listen="127.0.0.1:0", certificate=cert, key=key, client_ca=cert)
    trusting = ssl.create_default_context(cafile=cert)
    async with serving(config) as found:
        assert found.url.startswith("https://")
        async with httpx.AsyncClient(base_url=found.url, verify=trusting) as stranger:
            with pytest.raises(httpx.TransportError):
                await stranger.get("/openapi.json")
        trusting.load_cert_chain(cert, key)
        async with httpx.AsyncClient(base_url=found.url, verify=trusting) as known:
            assert (await known.get("/openapi.json")).status_code == 200
            assert (await known.get("/v1/areas")).status_code == 401  # a certificate is no token


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    config = configured("", certificate=str(tmp_path / "x.pem"), key=str(tmp_path / "x.pem"))
    with pytest.raises(UsageFault, match=r"api\.certificate, key or client_ca: "):
        tls_of(config)
