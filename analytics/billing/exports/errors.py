"""What keeps a file from being written."""

from __future__ import annotations

from analytics.billing.errors import BillingError


class ExportFault(BillingError):
    """A series does not fit what a format can say; nothing is rounded, filled in or left out instead."""

    def __init__(self, point: str, channel: str, message: str) -> None:
        super().__init__(f"point {point}, {channel}: {message}")
        self.point = point
        self.channel = channel
