"""A batch into a folder: under a temporary name, then renamed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headend.batches.folder import half_folder
from headend.batches.parcel import SAME, DeliveryFault, Parcel
from headend.batches.settings import TargetTable
from headend.errors import HeadendError

_CHUNK = 1 << 20


async def bring(parcel: Parcel, target: TargetTable, home: Path) -> str:
    """Into a folder of the batch's name. What lies there is not changed. Raises `DeliveryFault`."""
    parts = urlsplit(target.url)
    where = Path(unquote(parts.path)) if parts.scheme else home / target.url
    return await asyncio.to_thread(_brought, parcel, where)


def _brought(parcel: Parcel, where: Path) -> str:
    there = (where / parcel.name).exists()
    try:
        with half_folder(where, parcel.name) as half:
            for path in parcel.files():
                with path.open("rb") as file:
                    half.write(path.name, iter(lambda: file.read(_CHUNK), b""))
            half.finish()
    except HeadendError as error:
        raise DeliveryFault(str(error)) from error
    return SAME if there else f"{where / parcel.name}"
