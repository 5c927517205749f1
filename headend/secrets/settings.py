"""The configuration's table `[secrets]`."""

from __future__ import annotations

import msgspec


class SecretsTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the keys are that open meters' passwords: in `key_file`, beside the configuration, or in the environment
    variable `key_env`, which goes before it."""

    key_file: str = ""
    key_env: str = "HEADEND_SECRETS_KEY"
