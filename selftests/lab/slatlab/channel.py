# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the channel: frames out of the parallel port's file.

A frame is a type (one byte), a length (16 bits, little endian) and data;
guest/agent.c writes them. A stream may span any number of frames of its type.
"""

BOOTED = b"b"       # init runs; /proc/sys/kernel/tainted
RUNNING = b"r"      # the modules are loaded, COMMAND starts
OUTPUT = b"o"       # COMMAND's output, live
STATUS = b"x"       # COMMAND's exit status, one byte
FILES = b"f"        # tar of ./out
ERROR = b"e"        # init gave up: one line that says why
SYMBOLS = b"s"      # /proc/kallsyms
MODULES = b"m"      # /proc/modules before COMMAND
LEAKS = b"k"        # kmemleak's report
DMESG = b"d"        # the kernel's log, with levels
TAINT = b"t"        # /proc/sys/kernel/tainted
END = b"z"          # nothing follows

TYPES = b"broxfesmkdtz"
HEADER = 3


class Channel:
    """Reads frames as they come; `streams` gathers all but the live output."""

    def __init__(self, path, on_output):
        self._path = path
        self._file = None
        self._pending = b""
        self._on_output = on_output
        self.streams = {}
        self.corrupt = None

    def poll(self):
        """Take in what has been written since; true if anything was."""
        if self._file is None:
            if not self._path.exists():
                return False
            self._file = open(self._path, "rb", buffering=0)
        data = self._file.read(1 << 20)
        if not data or self.corrupt:
            return False
        self._pending += data
        while not self.corrupt and self._take_frame():
            pass
        return True

    def close(self):
        """Forget the file."""
        if self._file:
            self._file.close()

    def _take_frame(self):
        buf = self._pending
        if not buf:
            return False
        kind = buf[:1]
        if kind not in TYPES:
            self.corrupt = f"unknown frame type {kind!r}"
            return False
        if len(buf) < HEADER:
            return False
        end = HEADER + int.from_bytes(buf[1:HEADER], "little")
        if len(buf) < end:
            return False
        data, self._pending = buf[HEADER:end], buf[end:]
        if kind == OUTPUT:
            self._on_output(data)
        else:
            self.streams[kind] = self.streams.get(kind, b"") + data
        return True

    def text(self, kind):
        """A stream as text; None if it never began."""
        data = self.streams.get(kind)
        return None if data is None else data.decode(errors="replace")

    def ended(self):
        """True once the guest has reported all there is."""
        return END in self.streams
