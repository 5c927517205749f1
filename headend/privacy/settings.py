"""The configuration's table `[privacy]`."""

from __future__ import annotations

import msgspec


class PrivacyTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`access_log`: whether it is kept in the database who was given whose readings."""

    access_log: bool = False
