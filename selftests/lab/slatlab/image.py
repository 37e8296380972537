# SPDX-License-Identifier: GPL-2.0-only
"""What a run puts into the machine: a small userland, the modules, the files copied in."""

import os
import pathlib
import shlex
import shutil
import subprocess

from . import backends, paths
from .errors import LabError
from .initrd import Initrd

DIRECTORIES = ("dev", "proc", "root", "sys", "tmp", "lab/work")


def make_slat(kernel):
    """Build the module for a kernel and the `slat` program; returns their paths."""
    _make("module", f"KERNEL={kernel.name}")
    module = paths.TOP / f"build/{kernel.name}/kmod/slat.ko"
    if not module.exists():
        raise LabError(f"make module left no {module}")
    _make("userspace")
    return module, paths.TOP / "build/userspace/slat"


def _make(*goal):
    command = ["make", "-s", f"-j{os.cpu_count()}", "-C", str(paths.TOP), *goal]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            check=False)
    if result.returncode:
        raise LabError(f"{' '.join(command)} failed:\n{(result.stdout + result.stderr).strip()}")


def build_agent(directory):
    """Compile the guest's end of the channel; static, as it must run anywhere."""
    program = directory / "agent"
    result = subprocess.run(["gcc", "-static", "-Os", "-s", "-o", str(program),
                             str(paths.LAB / "guest/agent.c")],
                            capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(f"guest/agent.c: {result.stderr.strip()}")
    return program


class Image:
    """The initrd of one run, and the modules a symbol may have to be looked up in."""

    def __init__(self, kernel, options, directory):
        self.modules = []
        self._directory = directory
        self._initrd = Initrd()
        self._userland(build_agent(directory))
        load = self._modules(kernel, options)
        for path in options.copy_in:
            self._copy_in(pathlib.Path(path))
        self._settings(kernel, options, load)

    def write(self):
        """Write it; returns its path."""
        target = self._directory / "initrd"
        self._initrd.write(target)
        return target

    def _userland(self, agent):
        busybox = shutil.which("busybox")
        if not busybox:
            raise LabError("no busybox found (Debian package busybox-static)")
        initrd = self._initrd
        for name in DIRECTORIES:
            initrd.add_dir(name)
        initrd.add_node("dev/console", 0o600, 5, 1)
        initrd.add_node("dev/null", 0o666, 1, 3)
        initrd.add_file("bin/busybox", busybox)
        applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        for applet in applets.stdout.split():
            if applet != "busybox":
                initrd.add_link(f"bin/{applet}", "busybox")
        initrd.add_bytes("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        initrd.add_bytes("etc/group", b"root:x:0:\n")
        initrd.add_file("init", paths.LAB / "guest/init")
        initrd.add_file("lab/agent", agent)

    def _modules(self, kernel, options):
        """Put all modules at hand; returns [(name, arguments)] of those to load."""
        slat, program = make_slat(kernel)
        found = kernel.modules("kvm-intel", "kvm-amd")
        found["slat"] = slat.read_bytes()
        for name, data in found.items():
            self._add_module(name, data)
        self._initrd.add_file("usr/bin/slat", program)

        if options.no_module:
            return []
        backend = backends.BACKENDS[options.backend]
        if options.with_kvm:
            return [(name, "") for name in kernel.modules(backend.KVM)]
        # Of a parameter that is there twice the last one counts.
        return [("slat", f"{backend.MODULE_ARGS} {options.module_args}".strip())]

    def _add_module(self, name, data):
        path = self._directory / "modules" / f"{name}.ko"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self.modules.append(path)
        self._initrd.add_bytes(f"lib/slat/{name}.ko", data)

    def _copy_in(self, source):
        if not source.exists():
            raise LabError(f"--copy-in {source}: no such file")
        self._initrd.add_tree(f"lab/work/{source.resolve().name}", source.resolve())
        files = source.rglob("*.ko") if source.is_dir() else [source]
        self.modules.extend(path for path in files if path.suffix == ".ko")

    def _settings(self, kernel, options, load):
        first = backends.BACKENDS[options.backend].spare(options.cpus)
        settings = {
            "MODULES": "\n".join(" ".join(module).strip() for module in load),
            "UNLOAD": " ".join(name.replace("-", "_") for name, _ in reversed(load)),
            "CPUS": f"{first}-{first + options.cpus - 1}",
            "COPY_OUT": "1" if options.copy_out else "",
            "LEAK_CHECK": "1" if options.leak_check else "",
            "SEND_SYMBOLS": "" if kernel.system_map.exists() else "1",
            "SHELL_TTY": "/dev/ttyS1" if options.shell else "",
            "SHELL_TERM": options.terminal if options.shell else "",
        }
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
        self._initrd.add_bytes("lab/settings", "".join(lines).encode())
        self._initrd.add_bytes("lab/command", (shlex.join(options.command) + "\n").encode())
