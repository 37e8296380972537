# SPDX-License-Identifier: GPL-2.0-only
"""Kernels built for the lab: tinyconfig plus fragments, Slat compiled in tree along the way.

The tree compiled is a copy made of hard links, in which two files of drivers/virt
differ and a link leads to this checkout, so the pristine source stays pristine.
Of the build tree remains what out-of-tree modules need.
"""

import os
import re
import shutil
import subprocess
import time

from . import paths
from .errors import LabError

RECIPE = "1"
FRAGMENTS = {"lean": ("lean",), "debug": ("lean", "debug"), "kcsan": ("lean", "kcsan")}
# Of the kernel, KCSAN is told of barriers, not of accesses: every one that it watches is of a
# module.  The vDSO can be told nothing.
MAKE_FLAGS = {"kcsan": ("KCSAN_SANITIZE=n", "KCSAN_INSTRUMENT_BARRIERS=y",
                        "KCSAN_INSTRUMENT_BARRIERS_vclock_gettime.o=n")}
PROGRESS_SECONDS = 10
# Above the .o files a lean build makes; only progress depends on it.
TYPICAL_OBJECTS = 1600


def fragments(kernel):
    """The configuration files of a kernel, in order."""
    return [paths.LAB / "kernel" / f"{name}.config" for name in FRAGMENTS[kernel]]


def in_tree():
    """True if this checkout has a module that can be compiled in tree."""
    return (paths.TOP / "Kconfig").exists() and (paths.TOP / "kmod/Kbuild").exists()


def make(kernel, source, target, progress):
    """Fill TARGET with a kernel built from SOURCE: vmlinuz, System.map, modules, `build`."""
    tree, out = target / "src", target / "build"
    log = paths.cache() / f"build-{kernel}.log"
    progress(f"{kernel}: building (log: {log})")
    _run(["cp", "-al", str(source), str(tree)], log, "w")
    if in_tree():
        _graft(tree)
    out.mkdir()
    make_command = ["make", "-C", str(tree), f"O={out}", *MAKE_FLAGS.get(kernel, ())]
    _run([*make_command, "tinyconfig"], log)
    _configure(kernel, make_command, out, log)
    _compile([*make_command, f"-j{os.cpu_count()}", "bzImage", "modules"], kernel, out, log,
             progress)
    shutil.copy2(out / "arch/x86/boot/bzImage", target / "vmlinuz")
    shutil.copy2(out / "System.map", target / "System.map")
    _keep_modules(out, target / "lib/modules")
    _prune(out)
    _relocate(out, target, target.with_name(target.name.removesuffix(".part")))


def _graft(tree):
    """Make drivers/virt/slat of this checkout. Rewrites, as the originals are shared links."""
    virt = tree / "drivers/virt"
    (virt / "slat").symlink_to(paths.TOP)
    _append(virt / "Makefile", "obj-$(CONFIG_SLAT)\t\t+= slat/kmod/\n")
    _append(virt / "Kconfig", 'source "drivers/virt/slat/Kconfig"\n')


def _append(path, line):
    text = path.read_text(encoding="utf-8") + line
    path.unlink()
    path.write_text(text, encoding="utf-8")


def _configure(kernel, make_command, out, log):
    config = out / ".config"
    wanted = "".join(path.read_text(encoding="ascii") for path in fragments(kernel))
    if not in_tree():
        wanted = re.sub(r"^CONFIG_SLAT=.*\n", "", wanted, flags=re.M)
    with open(config, "a", encoding="ascii") as file:
        file.write(wanted)
    _run([*make_command, "olddefconfig"], log)
    result = _settings(config.read_text(encoding="ascii"))
    lost = [name for name, value in _settings(wanted).items() if result.get(name, "n") != value]
    if lost:
        raise LabError(f"{kernel}: olddefconfig did not keep {' '.join(lost)} (log: {log})")


def _settings(text):
    settings = {}
    for line in text.splitlines():
        if found := re.match(r"(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set", line):
            settings[found[1] or found[3]] = found[2] or "n"
    return settings


def _compile(command, kernel, out, log, progress):
    with open(log, "a", encoding="utf-8") as file, \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file) as build:
        try:
            reported = time.monotonic()
            while (code := build.poll()) is None:
                time.sleep(0.2)
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported = time.monotonic()
                    count = sum(name.endswith(".o") for _, _, names in os.walk(out)
                                for name in names)
                    share = min(99, 100 * count // TYPICAL_OBJECTS)
                    progress(f"{kernel}: {count} objects, about {share} %")
        finally:
            if build.poll() is None:
                build.terminate()
    if code:
        _fail(command, log)


def _run(command, log, mode="a"):
    with open(log, mode, encoding="utf-8") as file:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                check=False)
    if result.returncode:
        _fail(command, log)


def _fail(command, log):
    text = log.read_text(encoding="utf-8", errors="replace")
    errors = [line for line in text.splitlines()
              if re.search(r"\berror: |: not found$|\*\*\*", line)]
    raise LabError(f"{' '.join(command)} failed: {errors[0] if errors else '?'} (log: {log})")


def _keep_modules(out, target):
    target.mkdir(parents=True)
    for path in out.rglob("*.ko"):
        if path.name != "slat.ko":
            shutil.copy2(path, target / path.name)


def _prune(out):
    """Drop what only a further build of the kernel itself would use."""
    tools = {out / "scripts", out / "tools"}
    for directory, names, files in os.walk(out):
        names[:] = [name for name in names if out.joinpath(directory, name) not in tools]
        for name in files:
            if name.endswith((".o", ".a", ".cmd", ".ko", ".mod", ".mod.c", ".order")) or \
                    name.startswith(("vmlinux", ".tmp_", "bzImage")):
                os.unlink(os.path.join(directory, name))


def _relocate(out, built_at, final):
    """The build tree names its source by absolute path, which moves when it is complete."""
    (out / "source").unlink()
    (out / "source").symlink_to("../src")
    path = out / "Makefile"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(str(built_at), str(final)), encoding="utf-8")
