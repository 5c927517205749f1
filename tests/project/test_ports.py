"""Two processes that run tests at once are given no port in common."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.ports import free_port
from tests.project.tree import ROOT

_HUNDRED = "from tests.ports import free_port; print(*(free_port() for _ in range(100)))"


def test_another_process_is_given_other_ports() -> None:
    ours = {free_port() for _ in range(100)}
    done = subprocess.run([sys.executable, "-c", _HUNDRED], cwd=ROOT, capture_output=True, text=True, check=True)
    theirs = {int(word) for word in done.stdout.split()}
    assert (len(ours), len(theirs)) == (100, 100)
    assert not ours & theirs


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    one, taken = free_port(), free_port()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", taken))
        listening.listen()
        given = {free_port() for _ in range(1000)}  # all that this process has, twice
    assert one in given
    assert taken not in given
