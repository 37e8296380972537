# SPDX-License-Identifier: GPL-2.0-only
"""Debian's own cloud kernels, laid out so that modules build and load without installing them."""

import re

from . import debian

RECIPE = "1"


def find(series):
    """(release, package version) of the kernel apt offers now; SERIES None: this suite's own."""
    release = debian.newest_release(series) if series else debian.cloud_release()
    return release, debian.version(f"linux-image-{release}-unsigned")


def make(release, target, progress):
    """Fill TARGET with a kernel: vmlinuz, modules, the headers behind `build`."""
    headers = f"linux-headers-{release}"
    needed = [name for name in debian.depends(headers)
              if name.startswith(("linux-headers-", "linux-kbuild-"))]
    progress(f"{release}: downloading image and headers")
    debian.unpack([f"linux-image-{release}-unsigned", headers, *needed], target)
    final = target.with_name(target.name.removesuffix(".part"))
    for path in (target / "usr/src").glob("linux-headers-*"):
        _relocate(path / "Makefile", final)
        _relocate(path / ".kernelvariables", final)
    (target / "build").symlink_to(f"usr/src/{headers}")
    (target / "vmlinuz").symlink_to(f"boot/vmlinuz-{release}")


def _relocate(path, root):
    """The header trees include each other by absolute path; point them into the copy."""
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?<![\w/])/usr/(src|lib)/linux-", rf"{root}/usr/\1/linux-", text),
                        encoding="utf-8")
