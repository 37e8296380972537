# SPDX-License-Identifier: GPL-2.0-only
"""Bochs: an emulated machine with VT-x whose TSC counts instructions."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from . import disc, machine
from .errors import LabError

# Instructions in a second of the machine's own time, by which the emulator paces devices.
# The kernel is told that its TSC, which counts instructions, ticks as often: so all clocks
# agree, and a second slept costs 1/35 of what it does by the 3.5 GHz CPUID speaks of.
IPS = 100_000_000
START_TIME = 1600000000

BOCHSRC = """\
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0
memory: guest={mem}, host={mem}
ata0-master: type=cdrom, path={disc}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={directory}/console.log
com2: {com2}
parport1: enabled=1, file={directory}/channel
clock: sync=none, rtc_sync=0, time0={time}
log: {directory}/bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
"""

SENTINEL = "calc 0"


def binary():
    """The emulator to run: $BOCHS, else Debian's."""
    name = os.environ.get("BOCHS", "bochs")
    path = shutil.which(name)
    if not path:
        raise LabError(f"no emulator: {name} not found (Debian package bochs)")
    return path


def _help(*words):
    result = subprocess.run([binary(), *words], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, errors="replace", check=False)
    return result.stdout + result.stderr


class Bochs(machine.Machine):
    """See machine.Machine."""

    LOG = "bochs.log"
    KVM = "kvm-intel"
    MODEL = "corei7_skylake_x"
    # Upper bound on guest residency. Without it a guest that keeps interrupts off hangs its
    # host CPU, to which Bochs then delivers no host interrupt as a VM exit.
    MODULE_ARGS = "residency_us=1000 virtual_interrupts=0"
    SPARE = 0
    ICOUNT_CPUS = 8
    # Bochs gives the size of the uncompacted XSAVE area for the compacted one too; Linux warns
    # and does without XSAVE. Without XSAVEC and XSAVES it has no need of a compacted area.
    # Its SYSRET may leave a 32-bit program on a 16-bit stack: no such program may use the vDSO.
    # With several CPUs its MWAIT misses stores that should end it, and all idle for ever.
    COMMAND_LINE = (f"tsc=reliable tsc_early_khz={IPS // 1000} no_timer_check idle=nomwait "
                    "clearcpuid=xsavec,xsaves vdso32=0")

    RESET = "bx_pc_system_c::Reset("

    def __init__(self, directory, *, work, kernel, command_line, model, cpus, mem,
                 icount=True, shell_port=None):
        """KERNEL: image and initrd; WORK: where files may be left that only this needs."""
        super().__init__(directory, cpus)
        del icount      # always
        self._resets = 0
        path = disc.write_disc(work, *kernel, command_line)
        com2 = "enabled=0"
        if shell_port:
            com2 = f"enabled=1, mode=socket-client, dev=127.0.0.1:{shell_port}"
        rc = directory / "bochsrc"
        rc.write_text(BOCHSRC.format(model=model, cpus=cpus, ips=IPS, mem=mem, disc=path, com2=com2,
                                     directory=directory, time=START_TIME), encoding="ascii")
        self._debugger_log = directory / "debugger.log"
        self._has_debugger = "-rc filename" in _help("--help")
        command = [binary(), "-q", "-f", str(rc)]
        if self._has_debugger:
            script = directory / "debugger.rc"
            script.write_text("c\n", encoding="ascii")
            command += ["-dbglog", str(self._debugger_log), "-rc", str(script)]
        # The display needs a terminal of its own; what it draws is thrown away.
        self._pty, slave = pty.openpty()
        os.set_blocking(self._pty, False)
        self.start(command, stdin=slave, stdout=slave, env=dict(os.environ, TERM="vt100"))
        os.close(slave)

    @staticmethod
    def models():
        """The CPU models the emulator offers."""
        _, _, text = _help("-help", "cpu").partition("Supported CPU models:")
        return re.findall(r"^(\w+)$", text, re.M)

    def wait(self, seconds):
        """Drains the display, too, which would block on a full pty."""
        ready, _, _ = select.select([self._pty], [], [], seconds)
        if ready:
            try:
                os.read(self._pty, 1 << 16)
            except BlockingIOError:
                pass
            except OSError:
                time.sleep(min(seconds, 0.02))

    def kill(self):
        """The display's terminal goes as well."""
        super().kill()
        if self._pty is not None:
            os.close(self._pty)
            self._pty = None

    def was_reset(self, log):
        """Power-on counts as one."""
        self._resets += log.count(self.RESET)
        return self._resets > 1

    @staticmethod
    def end(log):
        """See machine.Machine."""
        if "ACPI control: soft power off" in log:
            return "the machine powered off"
        if panic := re.findall(r"^\d+p\[\w* *\] >>PANIC<< (.*)", log, re.M):
            return f"the emulator panicked: {panic[-1]}"
        return None

    def stop(self):
        """In the debugger."""
        if not self._has_debugger or self.ended():
            return False
        before = self._debugger_output()
        self.process.send_signal(signal.SIGINT)
        return self.wait_for(lambda: "Next at t=" in self._debugger_output()[len(before):])

    def _debugger_output(self):
        try:
            return self._debugger_log.read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""

    def _ask(self, command):
        """A debugger command's output.

        The log repeats each command when the debugger comes to it, so a second one
        tells that the first is done.
        """
        start = len(self._debugger_output())
        os.write(self._pty, f"{command}\n{SENTINEL}\n".encode())
        self.wait_for(lambda: SENTINEL in self._debugger_output()[start:])
        return self._debugger_output()[start:].partition(SENTINEL)[0]

    def registers(self, cpu):
        """See machine.Machine."""
        self._ask(f"set $cpu = {cpu}")
        text = self._ask("r")
        rip = re.search(r"^rip: ([0-9a-f_]+)", text, re.M)
        flags = re.search(r"^eflags 0x([0-9a-f]+)", text, re.M)
        if not rip or not flags:
            return None
        return int(rip[1].replace("_", ""), 16), int(flags[1], 16)

    def code(self, cpu, address, count):
        """See machine.Machine."""
        self._ask(f"set $cpu = {cpu}")
        listing = self._ask(f"x /{count}bx {address:#x}")
        rows = re.findall(r"<bogus\+\s*\d+>:((?:[ \t]+0x[0-9a-f]{2})+)", listing)
        return bytes(int(byte, 16) for row in rows for byte in row.split())
