# SPDX-License-Identifier: GPL-2.0-only
"""An emulator's process: its life and its end, whichever emulator it is."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1


class Machine:
    """A running emulator; use as a context manager, so that it never outlives its user.

    Each emulator has a class of its own, which says:

    LOG             the file in the run's directory where it says what happens
    KVM             the module that is KVM's there
    MODEL           the CPU model unless another is asked for
    MODULE_ARGS     what slat.ko is loaded with unless the caller says otherwise
    COMMAND_LINE    what the kernel has to be told
    SPARE           CPUs that a machine of several has besides, the first ones; the command
                    keeps off them
    ICOUNT_CPUS     CPUs that a machine can have whose time is counted in instructions
    models()        the CPU models there are
    __init__(...)   start it, see the emulators
    wait(seconds)   let up to that much time pass, or less if something happens
    was_reset(log)  whether the machine was, by what is new in its log
    end(log)        why it ended, in words; None where the log does not say
    stop()          halt the machine; true if it obeys, so that it can be asked
    registers(cpu)  (RIP, RFLAGS) of a halted CPU; None
    code(cpu, address, count)   bytes at an address of a halted CPU
    """

    def __init__(self, directory, cpus):
        self.directory = directory
        self.cpus = cpus
        self.process = None

    @classmethod
    def spare(cls, cpus):
        """How many CPUs there are besides those asked for."""
        return cls.SPARE if cpus > 1 else 0

    def start(self, command, **keywords):
        """Start the emulator; what it prints on standard error goes to emulator.log."""
        libc = ctypes.CDLL(None)
        parent = os.getpid()

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # A parent that died before the call sends nothing any more.
            if os.getppid() != parent:
                os._exit(1)

        with open(self.directory / "emulator.log", "wb") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True,
                                            preexec_fn=die_with_parent, **keywords)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()

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

    def wait_for(self, condition, seconds=10):
        """Until the condition holds; false if it did not come to."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self.ended():
                return False
            self.wait(0.02)
        return True
