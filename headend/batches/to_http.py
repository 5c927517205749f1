"""A batch over HTTP: a request a file, the manifest last, each with a key that makes a second one harmless."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from headend.batches.parcel import DeliveryFault, Parcel, secret
from headend.batches.settings import TargetTable
from headend.duration import seconds

_CHUNK: Final = 1 << 20
_WORTH_TRYING: Final = frozenset({408, 425, 429})
_TYPES: Final = {".json": "application/json", ".xml": "application/atom+xml", ".csv": "text/csv"}


async def bring(parcel: Parcel, target: TargetTable, home: Path) -> str:
    """Headers: `Idempotency-Key` (batch, file and its SHA-256), `X-Content-SHA256`, `Authorization: Bearer` where a
    token is named. 200 to 299 is taken; what the server cannot help is tried again. Raises `DeliveryFault`."""
    import httpx

    token = secret(target, "token", home)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        trusted = ssl.create_default_context(cafile=str(home / target.ca_file) if target.ca_file else None)
    except OSError as error:
        raise DeliveryFault(f"ca_file {target.ca_file}: {error}", is_final=True) from error
    async with httpx.AsyncClient(verify=trusted, timeout=seconds(target.timeout), headers=headers) as client:
        for path in parcel.files():
            await _tried(client, parcel, path, target)
    return _url(target.url, parcel.name, "")


async def _tried(client: object, parcel: Parcel, path: Path, target: TargetTable) -> None:
    pause = seconds(target.pause)
    for left in range(target.tries - 1, -1, -1):
        try:
            await _sent(client, parcel, path, target)
        except DeliveryFault as fault:
            if fault.is_final or not left:
                raise
            await asyncio.sleep(pause)
            pause *= 2
        else:
            return


async def _sent(client: object, parcel: Parcel, path: Path, target: TargetTable) -> None:
    import httpx

    assert isinstance(client, httpx.AsyncClient)
    url = _url(target.url, parcel.name, path.name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    headers = {
        "Idempotency-Key": f"{parcel.name}/{path.name}/{digest}",
        "X-Content-SHA256": digest,
        "Content-Type": _TYPES.get(path.suffix, "application/octet-stream"),
        "Content-Length": str(size),
    }
    try:
        answer = await client.request(target.method.upper(), url, content=_chunks(path), headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeliveryFault(f"{url}: {type(error).__name__} {error}".rstrip()) from error
    if answer.is_success:
        return
    raise DeliveryFault(
        f"{url}: {answer.status_code} {answer.reason_phrase}",
        is_final=answer.status_code < 500 and answer.status_code not in _WORTH_TRYING,
    )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _url(template: str, batch: str, file: str) -> str:
    if "{file}" not in template:
        rest = "{file}" if "{batch}" in template else "{batch}/{file}"
        template = f"{template.rstrip('/')}/{rest}"
    return template.replace("{batch}", quote(batch)).replace("{file}", quote(file))
