# SPDX-License-Identifier: GPL-2.0-only
"""One run: boot, follow what the machine reports, judge, clean up."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

from . import backends, channel, image, kernels, paths, splat, where
from .errors import STATUS_FAILED, LabError

POLL_SECONDS = 0.05
# How long a machine that has printed a splat may go on to print the rest of it.
SPLAT_GRACE_SECONDS = 30
# A machine without jitter gathers no entropy but the CPU's own.
COMMAND_LINE = ("console=ttyS0 nokaslr norandmaps panic=-1 log_buf_len=1M "
                "random.trust_cpu=1")

# What only the run itself needs, inside its directory.
WORK = "work"


class Tail:
    """The lines that were appended to a file since the last look, and all of its text."""

    def __init__(self, path):
        self._path = path
        self._offset = 0
        self._lines = []
        self._unended = b""

    def poll(self):
        """The new lines, as far as they have ended."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return ""
        self._offset += len(data)
        lines, newline, self._unended = (self._unended + data).rpartition(b"\n")
        new = self._decode(lines + newline)
        self._lines.append(new)
        return new

    @property
    def text(self):
        """All there is."""
        self._lines = ["".join(self._lines)]
        return self._lines[0] + self._decode(self._unended)

    @staticmethod
    def _decode(data):
        return data.decode(errors="replace").replace("\r", "")


class Run:
    """A machine, its logs, and the first thing that went wrong in it."""

    def __init__(self, options):
        self.options = options
        self.kernel = kernels.get(options.kernel)
        self.backend = backends.BACKENDS[options.backend]
        self.directory = paths.new_run()
        self.console = Tail(self.directory / "console.log")
        self.emulator = Tail(self.directory / self.backend.LOG)
        self.channel = channel.Channel(self.directory / "channel", self._output)
        self._log = open(self.directory / "output.log", "wb")
        self._modules = []

    def execute(self, shell=None):
        """Boot and follow the machine to its end; returns the lab's exit status."""
        kept = True
        try:
            cause = self._machine(shell)
            cause = cause or self._judge()
            status = self._status() if cause is None else STATUS_FAILED
            kept = cause is not None or bool(os.environ.get("SLAT_LAB_KEEP"))
            if cause:
                print(f"lab: {cause}", file=sys.stderr)
            if kept:
                self._keep()
            return status
        finally:
            self._log.close()
            self.channel.close()
            if not kept:
                shutil.rmtree(self.directory)

    def _output(self, data):
        self._log.write(data)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def _machine(self, shell):
        work = self.directory / WORK
        work.mkdir()
        contents = image.Image(self.kernel, self.options, work)
        self._modules = contents.modules
        options = self.options
        with self.backend(self.directory, work=work,
                          kernel=(self.kernel.vmlinuz, contents.write()),
                          command_line=self._command_line(), model=options.cpu_model,
                          cpus=options.cpus + self.backend.spare(options.cpus), mem=options.mem,
                          icount=options.icount, shell_port=shell and shell.port) as machine:
            if shell:
                shell.attach(machine)
            return self._follow(machine)

    def _command_line(self):
        words = [COMMAND_LINE, self.backend.COMMAND_LINE,
                 "ignore_loglevel" if self.options.boot_noise else "loglevel=5",
                 f"kmemleak={'on' if self.options.leak_check else 'off'}", *self.options.append]
        return " ".join(words)

    def _follow(self, machine):
        """Until the guest has reported all or cannot any more; the cause if it cannot."""
        deadline = time.monotonic() + self.options.timeout
        while not self.channel.ended():
            machine.wait(POLL_SECONDS)
            ended = machine.ended()
            console, emulator = self._poll()
            if self.channel.corrupt:
                return f"the channel is corrupt: {self.channel.corrupt}"
            if machine.was_reset(emulator):
                return self._reset()
            if ended and not self.channel.ended():
                return self._emulator_end(machine, ended)
            if splat.first(console, self.options.allow) and \
                    deadline > time.monotonic() + SPLAT_GRACE_SECONDS:
                deadline = time.monotonic() + SPLAT_GRACE_SECONDS
            if time.monotonic() > deadline:
                return self._hang(machine)
        return None

    def _poll(self):
        """What is new on the console and in the emulator's log."""
        # In this order: why a machine resets is on the console before it does.
        emulator, console = self.emulator.poll(), self.console.poll()
        if self.options.boot_noise:
            sys.stderr.write(console)
        while self.channel.poll():
            pass
        return console, emulator

    def _splat(self):
        """The first splat on the console; in whole lines, as half of one may mislead."""
        lines, _, _ = self.console.text.rpartition("\n")
        return splat.first(lines, self.options.allow)

    def _reset(self):
        """A machine that has reset: restarted in order, or after a panic."""
        panic = splat.panic(self.console.text)
        expected = "panic" if panic is not None else "reboot"
        found = self._splat() or splat.vmfail(self.emulator.text, self.options.allow)
        if found and not (panic and splat.DELIBERATE.search(found)):
            return found
        if self.options.expect == expected:
            return None
        if panic is not None:
            return f"kernel panic: {panic}"
        return "the machine reset" + (", a panic was expected" if self.options.expect else "")

    def _emulator_end(self, machine, ended):
        found = self._splat() or machine.end(self.emulator.text)
        return found or f"the emulator crashed: {ended}"

    def _hang(self, machine):
        place = where.locate(machine, self._symbols())
        if found := self._splat():
            return f"{found}; then no end; {place}"
        return f"hang: no exit within {self.options.timeout:g} s; {place}"

    def _symbols(self):
        return where.Symbols(self.kernel.system_map, self._modules,
                             self.channel.text(channel.MODULES))

    def _judge(self):
        """What is wrong with a machine that has reported all, or reset as expected."""
        self._save()
        emulator = splat.vmfail(self.emulator.text, self.options.allow)
        logs = self.channel.text(channel.DMESG) or ""
        found = splat.first(logs, self.options.allow) or self._splat()
        if found or emulator:
            return found or emulator
        if not self.channel.ended():
            return None
        if error := self.channel.text(channel.ERROR):
            return error.strip()
        if self.options.expect:
            return f"a {self.options.expect} was expected, the command ended instead"
        if channel.STATUS not in self.channel.streams and not self.options.shell:
            return "the machine ended without the command's status"
        if leak := splat.leak(self.channel.text(channel.LEAKS) or ""):
            return self._symbols().in_text(leak)
        if letters := splat.taint(*(int(self.channel.text(kind))
                                    for kind in (channel.BOOTED, channel.TAINT))):
            return f"the kernel is tainted: {letters}"
        return None

    def _status(self):
        if self.options.expect or self.options.shell:
            return 0
        return self.channel.streams[channel.STATUS][0]

    def _save(self):
        """What came through the channel, as files."""
        for kind, name in ((channel.DMESG, "dmesg.log"), (channel.LEAKS, "kmemleak.log")):
            if kind in self.channel.streams:
                (self.directory / name).write_bytes(self.channel.streams[kind])
        if channel.SYMBOLS in self.channel.streams and self.channel.ended():
            partial = self.directory / "System.map"
            partial.write_bytes(self.channel.streams[channel.SYMBOLS])
            shutil.move(partial, self.kernel.system_map)
        if self.options.copy_out and channel.FILES in self.channel.streams:
            target = pathlib.Path(self.options.copy_out)
            target.mkdir(parents=True, exist_ok=True)
            result = subprocess.run(["tar", "-xf", "-", "--no-same-owner", "-C", str(target)],
                                    input=self.channel.streams[channel.FILES],
                                    capture_output=True, check=False)
            if result.returncode:
                raise LabError(f"copying out failed: {result.stderr.decode().strip()}")

    def _keep(self):
        """Leave the logs, say where; the disc can be made again."""
        shutil.rmtree(self.directory / WORK, ignore_errors=True)
        for path in sorted(self.directory.glob("*.log")):
            if path.stat().st_size:
                print(f"lab: log {path}", file=sys.stderr)
