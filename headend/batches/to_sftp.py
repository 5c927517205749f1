"""A batch over SFTP: into a folder under a temporary name, then renamed. Only a known server is trusted."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from headend.batches.parcel import SAME, DeliveryFault, Parcel, secret
from headend.batches.settings import TargetTable
from headend.duration import seconds

_CHUNK: Final = 1 << 18


async def bring(parcel: Parcel, target: TargetTable, home: Path) -> str:
    """Into a folder of the batch's name in the URL's path, which is there already. Raises `DeliveryFault`."""
    try:
        import asyncssh
    except ImportError as error:
        raise DeliveryFault("SFTP needs the extra sftp: pip install 'headend[sftp]'", is_final=True) from error

    pause = seconds(target.pause)
    for left in range(target.tries - 1, -1, -1):
        try:
            async with asyncio.timeout(seconds(target.timeout)):
                connection = await _connected(target, home)
            async with connection, connection.start_sftp_client() as sftp:
                return await _brought(sftp, parcel, unquote(urlsplit(target.url).path) or ".")
        except (asyncssh.HostKeyNotVerifiable, asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
            raise DeliveryFault(f"{target.url}: {error}", is_final=True) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            if not left:
                raise DeliveryFault(f"{target.url}: {type(error).__name__} {error}".rstrip()) from error
        await asyncio.sleep(pause)
        pause *= 2
    raise AssertionError("the last try returns or raises")


async def _connected(target: TargetTable, home: Path) -> Any:
    import asyncssh

    parts = urlsplit(target.url)
    try:
        trusted = asyncssh.import_public_key(target.host_key)
        keys = [asyncssh.read_private_key(str(home / target.key_file))] if target.key_file else []
    except (OSError, asyncssh.KeyImportError, ValueError) as error:
        raise DeliveryFault(f"host_key or key_file: {error}", is_final=True) from error
    return await asyncssh.connect(
        parts.hostname or "",
        parts.port or 22,
        username=parts.username,
        password=secret(target, "password", home) or None,
        client_keys=keys,
        known_hosts=([trusted], [], []),
        agent_path=None,
        config=None,
        keepalive_interval=seconds(target.timeout),
    )


async def _brought(sftp: Any, parcel: Parcel, folder: str) -> str:
    final, half = f"{folder.rstrip('/')}/{parcel.name}", f"{folder.rstrip('/')}/.{parcel.name}.part"
    if await sftp.exists(final):
        await _compare(sftp, parcel, final)
        return SAME
    if await sftp.exists(half):
        await sftp.rmtree(half)
    await sftp.mkdir(half)
    for path in parcel.files():
        await sftp.put(str(path), f"{half}/{path.name}", block_size=_CHUNK)
        size = (await sftp.stat(f"{half}/{path.name}")).size
        if size != path.stat().st_size:
            raise DeliveryFault(f"{half}/{path.name}: {size} bytes lie there, {path.stat().st_size} were sent")
    await sftp.rename(half, final)
    return final


async def _compare(sftp: Any, parcel: Parcel, final: str) -> None:
    """Raises `DeliveryFault` where something else lies there."""
    for path in parcel.files():
        where = f"{final}/{path.name}"
        if not await sftp.exists(where):
            raise DeliveryFault(f"{final} is there and lacks {path.name}", is_final=True)
        found = await sftp.stat(where)
        if found.size != path.stat().st_size or (found.permissions and stat.S_ISDIR(found.permissions)):
            raise DeliveryFault(f"{where} is there and is another one", is_final=True)
    async with sftp.open(f"{final}/manifest.json", "rb") as file:
        if await file.read() != parcel.manifest:
            raise DeliveryFault(f"{final} is there and is another one", is_final=True)
