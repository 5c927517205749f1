"""Orders through the command line, the daemon's API and real processes: sent once each, seen to have moved the relay,
whatever is killed between."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.system.cluster import CLUSTER
from tests.system.plant import wait_until
from tests.system.switchyard import Switchyard

pytestmark = pytest.mark.postgres

DONE = {"verified"}


def test_a_trip_is_asked_for_approved_released_and_moves_the_relay(plain_database: str, tmp_path: Path) -> None:
    yard = Switchyard(tmp_path, plain_database, meters=2)
    with yard.meters(), yard.daemon() as daemon:
        wait_until(lambda: _answers(yard), "the daemon's API")
        names = yard.names
        yard.order("trip", "cut", names)
        wait_until(lambda: set(yard.states("cut").values()) == DONE, "all relays open")
        yard.order("close", "back", names)
        wait_until(lambda: set(yard.states("back").values()) == DONE, "all relays closed")
        (order,) = yard.run("command", "show", "cut", by="eve")
        assert (order["state"], order["approvals"][0]["by"]) == ("verified", "bo")
        (told,) = yard.run("audit", "verify")
        assert told["flaws"] == [] if "flaws" in told else told["whole"]
        yard.run("command", "trip", names[0], "--reason", "emergency", "--notice", "n", by="eve", expect=1)
        yard.run("command", "list", by="nobody", expect=2)
        assert daemon.stop() == 0
    assert set(yard.heard().values()) == {1}
    assert set(yard.heard("close").values()) == {1}


def test_s09_killed_between_claim_and_answer_again_and_again_nothing_acts_twice(
    plain_database: str, tmp_path: Path
) -> None:
    yard = Switchyard(tmp_path, plain_database, meters=6, faults="seed:3,drop:0.05,late:0.03,late_s:0.4-1.2")
    with yard.meters():
        for number in range(4):
            with yard.daemon() as daemon:
                if number == 0:
                    wait_until(lambda: _answers(yard), "the daemon's API")
                    yard.order("trip", "cut", yard.names)
                _wait_for_one_more(yard)
                daemon.kill()
        with yard.daemon() as daemon:
            wait_until(lambda: _is_settled(yard, "cut"), "what was heard is verified, the rest is not known")
            assert daemon.stop() == 0
    heard = yard.heard()
    assert set(heard.values()) == {1}, "each meter was told once at most"
    assert 12 - 2 * 4 <= len(heard) <= 12, "a daemon that dies has one claim a line, of which nobody knows"
    claims = yard.sql("SELECT count(*) FROM command_transition WHERE after = 'sent' GROUP BY key, meter")
    assert set(claims) == {(1,)}


def test_s09_another_node_takes_over_and_sends_nothing_twice(plain_database: str, tmp_path: Path) -> None:
    yard = Switchyard(tmp_path, plain_database, meters=6)
    with yard.meters(), yard.daemon("one", CLUSTER) as first:
        wait_until(lambda: _answers(yard), "the daemon's API")
        with yard.daemon("two", CLUSTER) as second:
            yard.order("trip", "cut", yard.names)
            wait_until(lambda: "sent" in _ever(yard), "the first claim")
            first.kill()
            wait_until(lambda: _is_settled(yard, "cut"), "the other node has done the rest")
            assert second.stop() == 0
    assert set(yard.heard().values()) == {1}


def _answers(yard: Switchyard) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", yard.ports["one"])) == 0


def _wait_for_one_more(yard: Switchyard) -> None:
    """Until a daemon has claimed one more command, or nothing is left to claim."""

    def count(state: str) -> int:
        return int(yard.sql("SELECT count(*) FROM command_transition WHERE after = %s", state)[0][0])

    before = count("sent")
    wait_until(lambda: count("sent") > before or not yard.sql("SELECT 1 FROM command_open LIMIT 1"), "a claim")


def _is_settled(yard: Switchyard, order: str) -> bool:
    """Claimed by who died before the frame: unknown until it expires, and never sent by anybody else."""
    addresses = dict(yard.sql("SELECT name, address FROM meter"))
    heard = yard.heard()
    return all(
        state == ("verified" if addresses[meter] in heard else "unknown") for meter, state in yard.states(order).items()
    )


def _ever(yard: Switchyard) -> set[str]:
    return {state for (state,) in yard.sql("SELECT DISTINCT after FROM command_transition")}
