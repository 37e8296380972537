# SPDX-License-Identifier: GPL-2.0-only
"""How the lab ends when it does not end with COMMAND's own status."""

STATUS_USAGE = 2
STATUS_SKIP = 4
STATUS_FAILED = 125


class LabError(Exception):
    """Something outside the machine is wrong: usage, a package, a build."""
    status = STATUS_USAGE


class Skip(LabError):
    """What was asked for cannot be had here, and nobody is to blame."""
    status = STATUS_SKIP
