# SPDX-License-Identifier: GPL-2.0-only
"""QEMU: an emulated machine with AMD-V whose CPUs run at the same time."""

import json
import re
import select
import shutil
import socket
import subprocess

from . import machine
from .errors import LabError


def binary():
    """The emulator to run."""
    path = shutil.which("qemu-system-x86_64")
    if not path:
        raise LabError("no emulator: qemu-system-x86_64 not found (Debian package qemu-system-x86)")
    return path


class Qemu(machine.Machine):
    """See machine.Machine."""

    LOG = "qemu.log"
    KVM = "kvm-amd"
    MODEL = "max"
    MODULE_ARGS = ""
    # Nested paging gets lost on the first CPU when another one restores a FPU's state.
    SPARE = 1
    # With more than one the first runs until a timer is due, and then no other before it.
    ICOUNT_CPUS = 1
    # Time is the host's, which stops now and then.
    COMMAND_LINE = "no_timer_check tsc=unstable"

    RESET = '"reason": "guest-reset"'
    POWER_OFF = '"reason": "guest-shutdown"'

    def __init__(self, directory, *, work, kernel, command_line, model, cpus, mem,
                 icount=False, shell_port=None):
        """KERNEL: image and initrd."""
        super().__init__(directory, cpus)
        del work
        ours, theirs = socket.socketpair()
        self._monitor = ours
        self._monitor.setblocking(False)
        self._pending = b""
        self._answers = []
        self._log = open(directory / self.LOG, "w", encoding="utf-8")
        image, initrd = kernel
        # A nanosecond an instruction; nobody waits for a machine that does.
        time = (["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"] if icount else
                ["-accel", "tcg,thread=multi"])
        command = [binary(), *time, "-machine", "pc", "-cpu", model,
                   "-smp", str(cpus), "-m", str(mem), "-nodefaults", "-display", "none",
                   "-no-reboot", "-kernel", str(image), "-initrd", str(initrd),
                   "-append", command_line,
                   # A reset that nobody asked for: "Triple fault", and where.
                   "-d", "cpu_reset", "-D", str(directory / "cpu.log"),
                   "-serial", f"file:{directory}/console.log"]
        if shell_port:
            command += ["-serial", f"tcp:127.0.0.1:{shell_port}"]
        command += ["-parallel", f"file:{directory}/channel",
                    "-chardev", f"socket,id=monitor,fd={theirs.fileno()}",
                    "-mon", "chardev=monitor,mode=control"]
        self.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   pass_fds=[theirs.fileno()])
        theirs.close()
        self._send("qmp_capabilities")

    @staticmethod
    def models():
        """The CPU models the emulator offers."""
        result = subprocess.run([binary(), "-cpu", "help"], capture_output=True, text=True,
                                check=False)
        return re.findall(r"^x86 (\S+)", result.stdout, re.M)

    def wait(self, seconds):
        """Takes in what the monitor says."""
        ready, _, _ = select.select([self._monitor], [], [], seconds)
        if ready:
            self._read()

    def ended(self):
        """What the monitor said last is in the log then."""
        how = super().ended()
        if how:
            self._read()
        return how

    def kill(self):
        """The monitor goes as well."""
        super().kill()
        self._monitor.close()
        self._log.close()

    def was_reset(self, log):
        """A reset ends the emulator."""
        return self.RESET in log

    def end(self, log):
        """See machine.Machine."""
        return "the machine powered off" if self.POWER_OFF in log else None

    def stop(self):
        """See machine.Machine."""
        return not self.ended() and self._ask("stop") is not None

    def registers(self, cpu):
        """See machine.Machine."""
        text = self._human("info registers", cpu)
        found = re.search(r"RIP=([0-9a-f]+) RFL=([0-9a-f]+)", text)
        return (int(found[1], 16), int(found[2], 16)) if found else None

    def code(self, cpu, address, count):
        """See machine.Machine."""
        text = self._human(f"x /{count}xb {address:#x}", cpu)
        rows = re.findall(r"^[0-9a-f]+:(.*)", text, re.M)
        return bytes(int(byte, 16) for row in rows for byte in row.split()
                     if byte.startswith("0x"))

    def _human(self, line, cpu):
        return self._ask("human-monitor-command", **{"command-line": line, "cpu-index": cpu}) or ""

    def _send(self, command, **arguments):
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            self._monitor.sendall(json.dumps(message).encode())
        except OSError:
            pass

    def _ask(self, command, **arguments):
        """What a command returns; None if it does not."""
        self._answers.clear()
        self._send(command, **arguments)
        self.wait_for(lambda: self._answers)
        return self._answers[0] if self._answers else None

    def _read(self):
        try:
            while data := self._monitor.recv(1 << 16):
                self._pending += data
        except OSError:
            pass
        *lines, self._pending = self._pending.split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip()
            self._log.write(text + "\n")
            message = json.loads(text or "{}")
            if "return" in message:
                self._answers.append(message["return"])
        self._log.flush()
