# SPDX-License-Identifier: GPL-2.0-only
"""Virtualisation hardware, and the emulator that has it."""

from .bochs import Bochs
from .qemu import Qemu

BACKENDS = {"vmx": Bochs, "svm": Qemu}
