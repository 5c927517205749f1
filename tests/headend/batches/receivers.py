"""Receivers of batches for tests: an SFTP server with a folder, an HTTP server that keeps what it is given."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh


@dataclass
class SftpPlace:
    """`host_key` as a target's table has it."""

    port: int
    host_key: str
    folder: Path


def made(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


@asynccontextmanager
async def sftp_server(
    folder: Path, password: str = "secret", allowed: asyncssh.SSHKey | None = None
) -> AsyncIterator[SftpPlace]:
    """On a free port of the loopback; user `headend`, with the password or the `allowed` key."""
    made(folder)
    key = asyncssh.generate_private_key("ssh-ed25519")

    connections: list[asyncssh.SSHServerConnection] = []

    class Door(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def public_key_auth_supported(self) -> bool:
            return allowed is not None

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == "headend" and key == allowed

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, given: str) -> bool:
            return (username, given) == ("headend", password)

    def rooted(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(folder).encode())

    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Door, server_host_keys=[key], sftp_factory=rooted)
    try:
        public = key.export_public_key().decode().strip()
        yield SftpPlace(server.get_port(), public, folder)
    finally:
        server.close()
        await server.wait_closed()
        for connection in connections:
            connection.close()
            await connection.wait_closed()


@dataclass
class HttpPlace:
    """`refuse`: how many requests are answered 503 first; `taken`: (method, path) to headers and body."""

    refuse: int = 0
    status: int = 201
    port: int = 0
    asked: int = 0
    taken: dict[tuple[str, str], tuple[dict[str, str], bytes]] = field(default_factory=dict)


@asynccontextmanager
async def http_server(place: HttpPlace, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpPlace]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while (line := await reader.readline()).strip():
            method, path, _ = line.decode().split()
            headers = {}
            while (one := await reader.readline()).strip():
                name, _, value = one.decode().partition(":")
                headers[name.strip().lower()] = value.strip()
            body = await reader.readexactly(int(headers["content-length"]))
            place.asked += 1
            status = 503 if place.asked <= place.refuse else place.status
            if status < 300:
                place.taken[method, path] = (headers, body)
            writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)
            await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    place.port = server.sockets[0].getsockname()[1]
    try:
        yield place
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()
