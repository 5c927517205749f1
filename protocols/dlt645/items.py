"""The catalogue under the name that most of the tree knows."""

from __future__ import annotations

from protocols.dlt645.catalogue import RATES as RATES
from protocols.dlt645.catalogue import SETTLEMENTS as SETTLEMENTS
from protocols.dlt645.catalogue import item as item
from protocols.dlt645.catalogue import resized as resized
