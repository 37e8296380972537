# SPDX-License-Identifier: GPL-2.0-only
"""The initial RAM disk: a cpio archive (newc) written from a list of files.

Uncompressed, since an emulated CPU unpacks more slowly than the emulated disc
reads, and with fixed times and inode numbers, so that equal runs boot equal bytes.
"""

import os
import pathlib
import re
import stat
import subprocess

from .errors import LabError


class Initrd:
    """Entries by path; parents are added as needed, a later entry replaces an earlier."""

    def __init__(self):
        self._entries = {}

    def add_dir(self, path, mode=0o755):
        """A directory and its parents."""
        self._put(path, stat.S_IFDIR | mode, b"")

    def add_bytes(self, path, data, mode=0o644):
        """A regular file with the given contents."""
        self._put(path, stat.S_IFREG | mode, data)

    def add_link(self, path, target):
        """A symbolic link."""
        self._put(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def add_node(self, path, mode, major, minor):
        """A character device."""
        self._put(path, stat.S_IFCHR | mode, b"", (major, minor))

    def add_file(self, path, source):
        """A host file; an ELF program brings its dynamic libraries along."""
        source = pathlib.Path(source)
        data = source.read_bytes()
        self.add_bytes(path, data, stat.S_IMODE(source.stat().st_mode) | 0o444)
        if data.startswith(b"\x7fELF") and b"/ld-linux" in data:
            for library in libraries(source):
                if library.lstrip("/") not in self._entries:
                    self.add_bytes(library, pathlib.Path(library).read_bytes(), 0o755)

    def add_tree(self, path, source):
        """A host file, link or directory with all that is in it."""
        source = pathlib.Path(source)
        if source.is_symlink():
            self.add_link(path, os.readlink(source))
        elif source.is_dir():
            self.add_dir(path)
            for child in sorted(source.iterdir()):
                self.add_tree(f"{path}/{child.name}", child)
        elif source.is_file():
            self.add_file(path, source)
        else:
            raise LabError(f"{source}: neither a file nor a directory")

    def _put(self, path, mode, data, device=(0, 0)):
        path = path.strip("/")
        parent = path.rpartition("/")[0]
        if parent and parent not in self._entries:
            self.add_dir(parent)
        self._entries[path] = (mode, data, device)

    def write(self, target):
        """Write the archive."""
        with open(target, "wb") as out:
            for inode, (path, entry) in enumerate(self._entries.items(), 1):
                _write_entry(out, inode, path, *entry)
            _write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))


def _write_entry(out, inode, path, mode, data, device):
    name = os.fsencode(path) + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0)
    out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
    out.write(bytes(-(110 + len(name)) % 4))
    out.write(data)
    out.write(bytes(-len(data) % 4))


def libraries(program):
    """The paths of the shared objects a program loads, its interpreter included."""
    result = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    missing = re.findall(r"^\s*(\S+) => not found", result.stdout, re.M)
    if missing:
        raise LabError(f"{program}: library {missing[0]} not found")
    return re.findall(r"(/\S+) \(0x", result.stdout)
