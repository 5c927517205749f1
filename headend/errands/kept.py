"""Results of errands go to the database; while it is away an errand is undone, not a fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from protocols.errors import CommunicationError
from storage.errors import StorageError


class NotKept(CommunicationError):
    """What the meter said could not be stored, or was not asked because it could not be."""

    label = "not_kept"


@contextmanager
def kept() -> Iterator[None]:
    """Raises `NotKept` where the database does not do it."""
    try:
        yield
    except StorageError as error:
        raise NotKept(f"the database does not do it: {error}") from error
