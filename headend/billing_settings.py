"""The configuration's table `[billing]`."""

from __future__ import annotations

import msgspec


class BillingTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`tariffs`: the folder of tariff files, relative to the configuration."""

    tariffs: str = "tariffs"
