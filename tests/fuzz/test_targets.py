"""Whatever comes, only the layer's own errors come out.

In the usual run each target gets a short round. `make fuzz` gives all of them FUZZ_SECONDS together, FUZZ_EXAMPLES a
round; an input that breaks one is kept by hypothesis and tried first the next time.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import TARGETS, Target

SECONDS: Final = float(os.environ.get("FUZZ_SECONDS", "0"))
EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "40"))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name.replace(" ", "-"))
def test_any_input_brings_out_the_layer_s_own_errors_only(target: Target) -> None:
    rounds = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

    @rounds
    @given(target.inputs)
    def one_round(case: Any) -> None:
        target.check(case)

    until = time.monotonic() + SECONDS / len(TARGETS)
    one_round()
    while time.monotonic() < until:
        one_round()


def test_a_target_that_breaks_is_noticed() -> None:
    """The way of failing itself: an error of ours comes out of a round."""

    def breaks(case: Any) -> None:
        raise KeyError(case)

    with pytest.raises(KeyError):
        settings(max_examples=1, database=None)(given(TARGETS[0].inputs)(breaks))()
