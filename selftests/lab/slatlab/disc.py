# SPDX-License-Identifier: GPL-2.0-only
"""The disc the machine boots: GRUB's bare core, a kernel and an initrd.

The core image holds its one script and only the modules that script needs, so
nothing is searched for, no menu is drawn and no time-out runs.
"""

import subprocess

from .errors import LabError

GRUB_MODULES = ["biosdisk", "iso9660", "linux"]


def write_disc(directory, vmlinuz, initrd, command_line):
    """Leave a bootable disc in DIRECTORY; returns its path."""
    root = directory / "disc"
    root.mkdir()
    (root / "vmlinuz").symlink_to(vmlinuz)
    (root / "initrd").symlink_to(initrd)
    script = directory / "grub.cfg"
    script.write_text(f"set root=cd\nlinux /vmlinuz {command_line}\ninitrd /initrd\nboot\n",
                      encoding="ascii")
    _tool("grub-mkimage", "-O", "i386-pc-eltorito", "-p", "/", "-c", script,
          "-o", root / "core.img", *GRUB_MODULES)
    path = directory / "boot.iso"
    _tool("xorriso", "-as", "mkisofs", "-quiet", "-f", "-R", "-o", path, "-b", "core.img",
          "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", root)
    return path


def _tool(*command):
    command = [str(word) for word in command]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(f"{command[0]} failed: {(result.stderr or result.stdout).strip()}")
