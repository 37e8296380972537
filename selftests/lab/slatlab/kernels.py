# SPDX-License-Identifier: GPL-2.0-only
"""The kernels the lab boots, each a directory of the cache named after what it was made from."""

import contextlib
import dataclasses
import hashlib
import lzma
import pathlib
import re
import shutil
import sys

from . import build, paths, source, stock
from .elf import Module
from .errors import LabError

# What a kernel is made of; for those of Debian, the series (None: of this suite).
BUILT = tuple(build.FRAGMENTS)
STOCK = {"stock": None, "stock-6.12": "6.12"}
NAMES = (*BUILT, *STOCK)
NEEDED_GIB = 10


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel that is ready to boot and to build modules against."""
    name: str
    path: pathlib.Path

    @property
    def vmlinuz(self):
        """The image to boot."""
        return self.path / "vmlinuz"

    @property
    def kdir(self):
        """What `make -C` takes to build modules."""
        return self.path / "build"

    @property
    def system_map(self):
        """Its symbols; the lab asks a kernel for them that came without."""
        return self.path / "System.map"

    @property
    def release(self):
        """What uname -r says in it."""
        text = (self.kdir / "include/generated/utsrelease.h").read_text(encoding="ascii")
        return re.search(r'"(.*)"', text)[1]

    def size(self):
        """Bytes on disk, sources that are shared by hard links included once."""
        return sum(path.lstat().st_blocks * 512 for path in self.path.rglob("*")
                   if path.lstat().st_nlink == 1)

    def modules(self, *names):
        """{name: bytes} of modules and all they depend on, dependencies first."""
        found = {}
        for name in names:
            data = self._module(name)
            depends = [word for word in Module(data).modinfo("depends").split(",") if word]
            found.update(self.modules(*depends))
            found[name] = data
        return found

    def _module(self, name):
        stem = re.sub("[-_]", "[-_]", name)
        for path in sorted((self.path / "lib/modules").rglob("*")):
            if re.fullmatch(rf"{stem}\.ko(\.xz)?", path.name):
                data = path.read_bytes()
                return lzma.decompress(data) if path.suffix == ".xz" else data
        raise LabError(f"kernel {self.name} has no module {name}")


def progress(text):
    """Say what takes long."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def _digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _built_key(name, version):
    """Not of the module's sources: editing Slat must not rebuild a kernel.  Of its Kconfig what
    decides how the rest is built, not when it may be built, nor the help."""
    parts = [path.read_text(encoding="ascii") for path in build.fragments(name)]
    parts += build.MAKE_FLAGS.get(name, ())
    if build.in_tree():
        kconfig = (paths.TOP / "Kconfig").read_text(encoding="ascii")
        parts += re.findall(r"^\s*(?:config|bool|tristate|select|imply|default)\b.*", kconfig, re.M)
    return f"{name}-{_digest(build.RECIPE, version, *parts)}"


def cached(name):
    """The kernel, if it can be had without any preparation; else None."""
    directory = paths.cache() / "kernels"
    if name in BUILT:
        unpacked = source.cached()
        path = directory / _built_key(name, unpacked[0]) if unpacked else None
    else:
        link = directory / name
        path = link.resolve() if link.exists() else None
        if path and not path.name.endswith(f"-r{stock.RECIPE}"):
            path = None
    return Kernel(name, path) if path and path.exists() else None


def get(name, refresh=False):
    """The kernel, prepared if need be; REFRESH: follow what apt offers now."""
    if name not in NAMES:
        raise LabError(f"no kernel {name!r}; there are {', '.join(NAMES)}")
    if not refresh and (kernel := cached(name)):
        return kernel
    with paths.locked(name):
        if not refresh and (kernel := cached(name)):
            return kernel
        path = _prepare_built(name, refresh) if name in BUILT else _prepare_stock(name)
    return Kernel(name, path)


def _prepare_built(name, refresh):
    version, tree = source.get(refresh, progress)
    target = paths.cache() / "kernels" / _built_key(name, version)
    if not target.exists():
        paths.need_space(paths.cache(), NEEDED_GIB)
        with paths.staging(target) as work:
            build.make(name, tree, work, progress)
        progress(f"{name}: ready")
    return target


def _prepare_stock(name):
    release, version = stock.find(STOCK[name])
    directory = paths.cache() / "kernels"
    target = directory / f"{name}-{version}-r{stock.RECIPE}"
    if not target.exists():
        paths.need_space(paths.cache(), NEEDED_GIB)
        with paths.staging(target) as work:
            stock.make(release, work, progress)
        progress(f"{name}: ready")
    link = directory / f"{name}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.rename(directory / name)
    return target


def clean():
    """Remove every kernel and source that is not the current one of its name."""
    with contextlib.ExitStack() as locks:
        for name in (*NAMES, "source"):
            locks.enter_context(paths.locked(name))
        _clean()


def _clean():
    keep = {kernel.path for name in NAMES if (kernel := cached(name))}
    if unpacked := source.cached():
        keep.add(unpacked[1].parent)
    for path in [*(paths.cache() / "kernels").glob("*"), *paths.cache().glob("source-*")]:
        if path.is_dir() and not path.is_symlink() and path not in keep:
            progress(f"removing {path}")
            shutil.rmtree(path)
