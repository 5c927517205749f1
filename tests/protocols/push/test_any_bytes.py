"""Whatever comes: nothing is raised, each message gives something or a reason, and none touches another."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from protocols.push.payloads import PAYLOADS
from protocols.push.reasons import Reason
from tests.fuzz.inputs import PUSHED
from tests.protocols.push.messages import decoder, message, told

SETTINGS: Final = st.fixed_dictionaries(
    {"time": st.sampled_from(["payload", "received"]), "edition": st.sampled_from(["2007", "both"])}
)


@pytest.mark.parametrize("name", PAYLOADS)
@examples(max_examples=25)
@given(payloads=st.lists(PUSHED, max_size=4), settings=SETTINGS)
def test_any_bytes(name: str, payloads: list[bytes], settings: dict[str, Any]) -> None:
    made = decoder(name, **settings)
    together = made.decode([message(payload, line="l", meter="M") for payload in payloads])
    assert {reject.reason for reject in together.rejects} <= set(Reason)
    for number, payload in enumerate(payloads):
        alone = made.decode([message(payload, line="l", meter="M")])
        assert told(together, number) == told(alone)
        rejects = [reject._replace(message=0) for reject in together.rejects if reject.message == number]
        assert rejects == list(alone.rejects)
        assert rejects or told(alone)
