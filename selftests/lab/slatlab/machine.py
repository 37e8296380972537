# SPDX-License-Identifier: GPL-2.0-only
"""One Bochs process: its configuration, its life, its debugger, its end."""

import contextlib
import ctypes
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from .errors import LabError

# Instructions in a second of the machine's own time, by which the emulator paces devices.
# The kernel is told that its TSC, which counts instructions, ticks as often: so all clocks
# agree, and a second slept costs 1/35 of what it does by the 3.5 GHz CPUID speaks of.
IPS = 100_000_000
TSC_FREQUENCY = f"tsc_early_khz={IPS // 1000}"
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

PR_SET_PDEATHSIG = 1
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


def models():
    """The CPU models the emulator offers."""
    _, _, text = _help("-help", "cpu").partition("Supported CPU models:")
    return re.findall(r"^(\w+)$", text, re.M)


class Machine:
    """A running emulator; use as a context manager, so that it never outlives its user."""

    def __init__(self, directory, *, disc, model, cpus, mem, shell_port=None):
        self.directory = directory
        self.cpus = cpus
        com2 = "enabled=0"
        if shell_port:
            com2 = f"enabled=1, mode=socket-client, dev=127.0.0.1:{shell_port}"
        rc = directory / "bochsrc"
        rc.write_text(BOCHSRC.format(model=model, cpus=cpus, ips=IPS, mem=mem, disc=disc, com2=com2,
                                     directory=directory, time=START_TIME), encoding="ascii")
        self._debugger_log = directory / "debugger.log"
        self._has_debugger = "-rc filename" in _help("--help")
        command = [binary(), "-q", "-f", str(rc)]
        if self._has_debugger:
            script = directory / "debugger.rc"
            script.write_text("c\n", encoding="ascii")
            command += ["-dbglog", str(self._debugger_log), "-rc", str(script)]
        self._start(command)

    def _start(self, command):
        libc = ctypes.CDLL(None)
        parent = os.getpid()

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # A parent that died before the call sends nothing any more.
            if os.getppid() != parent:
                os._exit(1)

        # The display needs a terminal of its own; what it draws is thrown away.
        self._pty, slave = pty.openpty()
        os.set_blocking(self._pty, False)
        environment = dict(os.environ, TERM="vt100")
        with open(self.directory / "emulator.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=log,
                                            env=environment, start_new_session=True,
                                            preexec_fn=die_with_parent)
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()

    def wait(self, seconds):
        """Let up to SECONDS pass; drains the display, which would block on a full pty."""
        ready, _, _ = select.select([self._pty], [], [], seconds)
        if ready:
            try:
                os.read(self._pty, 1 << 16)
            except BlockingIOError:
                pass
            except OSError:
                time.sleep(min(seconds, 0.02))

    def ended(self):
        """How the emulator ended, in words; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit status {code}"

    def kill(self):
        """End the emulator, whatever it does."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
        if self._pty is not None:
            os.close(self._pty)
            self._pty = None

    def stop(self):
        """Halt the machine in the debugger; true if it obeys, so that it can be asked."""
        if not self._has_debugger or self.ended():
            return False
        before = self._debugger_output()
        self.process.send_signal(signal.SIGINT)
        return self._wait_for(lambda: "Next at t=" in self._debugger_output()[len(before):])

    def _debugger_output(self):
        try:
            return self._debugger_log.read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""

    def _wait_for(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self.ended():
                return False
            self.wait(0.02)
        return True

    def ask(self, command):
        """A debugger command's output.

        The log repeats each command when the debugger comes to it, so a second one
        tells that the first is done.
        """
        start = len(self._debugger_output())
        os.write(self._pty, f"{command}\n{SENTINEL}\n".encode())
        self._wait_for(lambda: SENTINEL in self._debugger_output()[start:])
        return self._debugger_output()[start:].partition(SENTINEL)[0]
