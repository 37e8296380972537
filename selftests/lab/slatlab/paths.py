# SPDX-License-Identifier: GPL-2.0-only
"""Where the lab keeps things, and the locks that let several labs share them."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import sys
import tempfile

from .errors import LabError

LAB = pathlib.Path(__file__).resolve().parent.parent
TOP = LAB.parent.parent


def cache():
    """The cache directory: $SLAT_CACHE, ~/.cache/slat or /var/cache/slat."""
    if os.environ.get("SLAT_CACHE"):
        candidates = [pathlib.Path(os.environ["SLAT_CACHE"])]
    else:
        candidates = [pathlib.Path.home() / ".cache/slat", pathlib.Path("/var/cache/slat")]
    for path in candidates:
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)
            if os.access(path, os.W_OK | os.X_OK):
                return path.resolve()
    raise LabError(f"no cache directory is writable (tried {', '.join(map(str, candidates))}); "
                   "set SLAT_CACHE")


def need_space(path, gib):
    """Fail before, not in the middle of, filling the disk."""
    free = shutil.disk_usage(path).free / 2**30
    if free < gib:
        raise LabError(f"{path}: {free:.1f} GiB free, {gib} GiB needed")


@contextlib.contextmanager
def locked(name):
    """Hold a lock of the cache; say so when somebody else holds it."""
    directory = cache() / "locks"
    directory.mkdir(exist_ok=True)
    with open(directory / name, "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"lab: waiting for another lab that prepares {name}", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def new_run():
    """A directory of its own for one run's disc and logs."""
    parent = TOP / "build/lab"
    parent.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))


@contextlib.contextmanager
def staging(target):
    """A directory that appears as TARGET only when it is complete."""
    work = target.with_name(target.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    yield work
    work.rename(target)
