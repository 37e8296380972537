# SPDX-License-Identifier: GPL-2.0-only
"""The command line."""

import argparse
import os
import signal
import sys

from . import kernels, source
from .backends import BACKENDS
from .errors import LabError
from .run import Run
from .shell import Shell

# Seconds of wall time for the whole run, with one CPU on a slow host.
TIMEOUTS = {"lean": 300, "debug": 900, "kcsan": 900, "stock": 600, "stock-6.12": 600}
MEMORY = {"lean": 256, "debug": 384, "kcsan": 384, "stock": 512, "stock-6.12": 512}


def _machine_options(parser):
    add = parser.add_argument
    add("--backend", choices=BACKENDS, default="vmx", help="virtualisation hardware")
    add("--kernel", choices=kernels.NAMES, default="lean")
    add("--cpu-model", help="a model `lab list` shows")
    add("--cpus", type=int, default=1)
    add("--mem", type=int, metavar="MIB", help="memory of the machine")
    add("--icount", action="store_true", help="time is counted in instructions")
    add("--timeout", type=float, metavar="S", help="wall time after which the machine hangs")
    add("--copy-in", action="append", default=[], metavar="PATH",
        help="file or directory for the command's working directory")
    add("--copy-out", metavar="DIR", help="where to put what the command leaves in ./out")
    add("--module-args", default="", metavar="STR")
    add("--no-module", action="store_true", help="load no module")
    add("--with-kvm", action="store_true", help="load kvm and its backend instead of slat")
    add("--append", action="append", default=[], metavar="STR", help="more kernel command line")
    add("--expect", choices=("reboot", "panic"), help="succeed only if the machine does this")
    add("--leak-check", action="store_true", help="fail on memory that the module leaks")
    add("--allow", action="append", default=[], metavar="TEXT",
        help="kernel and emulator complaints with this text are not failures")
    add("--boot-noise", action="store_true", help="the kernel's console on standard error")


def _parser():
    parser = argparse.ArgumentParser(prog="lab", description=sys.modules[__package__].__doc__)
    commands = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = commands.add_parser("run", help="run a command as root, exit with its status")
    _machine_options(run)
    run.add_argument("command", nargs="+", metavar="COMMAND")
    shell = commands.add_parser("shell", help="an interactive root shell")
    _machine_options(shell)
    prepare = commands.add_parser("prepare", help="fetch or build kernels")
    prepare.add_argument("kernels", nargs="*", metavar="KERNEL", default=[])
    kdir = commands.add_parser("kdir", help="print what `make -C` takes for modules")
    kdir.add_argument("kernel", choices=kernels.NAMES)
    commands.add_parser("ksrc", help="print the kernel source tree")
    commands.add_parser("list", help="kernels and CPU models")
    commands.add_parser("clean", help="remove outdated kernels and sources")
    return parser


def _check(options, parser):
    backend = BACKENDS[options.backend]
    options.cpu_model = options.cpu_model or backend.MODEL
    # QEMU takes features after a comma.
    if options.cpu_model.partition(",")[0] not in backend.models():
        parser.error(f"no CPU model {options.cpu_model!r}; `lab list` shows them")
    if not 1 <= options.cpus <= 8:
        parser.error("--cpus: 1 to 8")
    if options.icount and options.cpus > backend.ICOUNT_CPUS:
        parser.error(f"--icount: no more CPUs than {backend.ICOUNT_CPUS}")
    if options.no_module and options.with_kvm:
        parser.error("--no-module and --with-kvm exclude each other")
    options.mem = options.mem or MEMORY[options.kernel]
    options.timeout = options.timeout or TIMEOUTS[options.kernel] * options.cpus


def _run(options):
    options.shell = False
    return Run(options).execute()


def _shell(options):
    options.shell, options.command = True, []
    options.terminal = os.environ.get("TERM", "dumb")
    with Shell() as shell:
        return Run(options).execute(shell)


def _prepare(options):
    for name in options.kernels or kernels.NAMES:
        kernels.get(name, refresh=True)


def _kdir(options):
    print(kernels.get(options.kernel).kdir)


def _ksrc(_options):
    print(source.get(False, kernels.progress)[1])


def _list(_options):
    for name in kernels.NAMES:
        kernel = kernels.cached(name)
        if kernel:
            print(f"{name:12} {kernel.release:32} {kernel.size() >> 20:5} MiB  {kernel.path}")
        else:
            print(f"{name:12} not prepared")
    for name, backend in BACKENDS.items():
        print(f"CPU models of {name}:", *backend.models())


def _clean(_options):
    kernels.clean()


VERBS = {"run": _run, "shell": _shell, "prepare": _prepare, "kdir": _kdir, "ksrc": _ksrc,
         "list": _list, "clean": _clean}


def main():
    """Run the command line; returns the exit status."""
    # A killed lab unwinds, and its machine with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parser = _parser()
    options = parser.parse_args()
    try:
        if options.verb in ("run", "shell"):
            _check(options, parser)
        return VERBS[options.verb](options) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
