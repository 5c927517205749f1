"""The columns of a Parquet file against those of the house format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analytics.billing.exports.house import DIGITS
from analytics.billing.exports.verify.found import Found


def columns_decimals(schema: Any, expected: Callable[[int], Any], found: Found) -> int | None:
    """Decimals of the values; None where a column is not what `expected` gives for them. Their names are right."""
    import pyarrow as pa

    kind = schema.field("value").type
    if not pa.types.is_decimal128(kind) or kind.precision != DIGITS or not 3 <= kind.scale <= 6:
        found.bad("schema", "value", f"value is {kind}, expected decimal128({DIGITS}, 3..6)")
        return None
    for column in expected(kind.scale):
        is_ = schema.field(column.name).type
        wanted = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if (is_.value_type if pa.types.is_dictionary(is_) else is_) != wanted:
            found.bad("schema", "header", f"{column.name} is {is_}, expected {wanted}")
            return None
    return int(kind.scale)
