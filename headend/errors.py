"""What ends a command, and with which exit code.

    HeadendError        1   the meter, link or operation failed
    |- UsageFault       2   wrong usage or configuration: file, key, what was expected
    |- ServiceFault     3   database or broker not reachable

Errors of the lower layers keep their own trees; `headend.cli.main` maps them to the same codes.
"""

from __future__ import annotations


class HeadendError(Exception):
    """An operation failed for a reason that the operator is told."""

    exit_code = 1


class UsageFault(HeadendError):
    """Wrong usage or configuration."""

    exit_code = 2


class ServiceFault(HeadendError):
    """Database or broker not reachable."""

    exit_code = 3
