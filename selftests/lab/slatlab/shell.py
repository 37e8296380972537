# SPDX-License-Identifier: GPL-2.0-only
"""An interactive shell: this terminal here, the machine's second serial port there."""

import os
import socket
import sys
import termios
import threading
import tty


class Shell:
    """Listens for the emulator, which connects when it starts, and carries bytes both ways."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._saved = None
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._listener.close()
        if self._saved:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved)

    def attach(self, machine):
        """Start carrying; ends with the machine."""
        self._listener.settimeout(0.1)
        while True:
            try:
                connection, _ = self._listener.accept()
                break
            except TimeoutError:
                if machine.ended():
                    return
        connection.settimeout(None)
        if sys.stdin.isatty():
            self._saved = termios.tcgetattr(sys.stdin.fileno())
            tty.setraw(sys.stdin.fileno())
        for carry in (self._to_machine, self._from_machine):
            threading.Thread(target=carry, args=(connection,), daemon=True).start()

    @staticmethod
    def _to_machine(connection):
        while data := os.read(sys.stdin.fileno(), 256):
            connection.sendall(data)

    @staticmethod
    def _from_machine(connection):
        while data := connection.recv(4096):
            os.write(sys.stdout.fileno(), data)
