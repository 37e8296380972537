# SPDX-License-Identifier: GPL-2.0-only
"""The lab: run a command in an emulated VT-x machine that has Slat loaded."""
