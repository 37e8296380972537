# SPDX-License-Identifier: GPL-2.0-only
"""The kernel source the lab builds from: Debian's linux-source-6.1, unpacked once, unmodified."""

import pathlib
import shutil
import subprocess

from . import debian, paths
from .errors import LabError

PACKAGE = "linux-source-6.1"
TREE = "linux-source-6.1"
NEEDED_GIB = 10


def installed_version():
    """The version of the package if it is installed, else None."""
    result = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", PACKAGE],
                            capture_output=True, text=True, check=False)
    state, _, version = result.stdout.partition(" ")
    return version if state == "installed" else None


def cached():
    """(version, tree) of the newest source unpacked before; None if there is none."""
    link = paths.cache() / "source"
    if not link.exists():
        return None
    return link.readlink().name.removeprefix("source-"), link.resolve() / TREE


def get(refresh, progress):
    """(version, tree); REFRESH: of what apt offers now, else of what is there already."""
    if not refresh and cached():
        return cached()
    version = installed_version() or debian.version(PACKAGE)
    target = paths.cache() / f"source-{version}"
    with paths.locked("source"):
        if not target.exists():
            paths.need_space(paths.cache(), NEEDED_GIB)
            _unpack(version, target, progress)
        link = paths.cache() / "source.new"
        link.unlink(missing_ok=True)
        link.symlink_to(target.name)
        link.rename(paths.cache() / "source")
    return cached()


def _unpack(version, target, progress):
    with paths.staging(target) as work:
        tarball = pathlib.Path(f"/usr/src/{TREE}.tar.xz")
        package = work / "package"
        if not installed_version():
            progress(f"{PACKAGE} {version}: downloading")
            package.mkdir()
            debian.unpack([PACKAGE], package)
            tarball = package / tarball.relative_to("/")
        progress(f"{PACKAGE} {version}: unpacking")
        result = subprocess.run(["tar", "-xJf", str(tarball), "-C", str(work)],
                                capture_output=True, text=True, check=False)
        if result.returncode:
            raise LabError(f"{tarball}: {result.stderr.strip()}")
        shutil.rmtree(package, ignore_errors=True)
