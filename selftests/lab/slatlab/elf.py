# SPDX-License-Identifier: GPL-2.0-only
"""As much of ELF as the lab needs of kernel modules (64-bit, little endian)."""

import struct
import typing

SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHF_ALLOC, SHF_EXECINSTR = 2, 4
STT_FUNC = 2
R_X86_64_64 = 1


class Section(typing.NamedTuple):
    """A section header, its name and its bytes."""
    name: str
    kind: int
    flags: int
    link: int
    info: int
    align: int
    data: bytes


class Module:
    """A .ko file."""

    def __init__(self, data):
        offset, = struct.unpack_from("<Q", data, 0x28)
        size, count, names = struct.unpack_from("<HHH", data, 0x3a)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size)
                   for i in range(count)]
        strings = data[headers[names][4]:]
        self.sections = [
            Section(_string(strings, h[0]), h[1], h[2], h[6], h[7], h[8],
                    b"" if h[1] == SHT_NOBITS else data[h[4]:h[4] + h[5]])
            for h in headers]

    def modinfo(self, key):
        """The value of a key of .modinfo; empty if there is none."""
        prefix = key.encode() + b"="
        for section in self.sections:
            if section.name == ".modinfo":
                for entry in section.data.split(b"\0"):
                    if entry.startswith(prefix):
                        return entry[len(prefix):].decode()
        return ""

    def text(self, init):
        """(offset, section index) of the code sections in the order the loader places them."""
        offset, layout = 0, []
        for index, section in enumerate(self.sections):
            wanted = SHF_ALLOC | SHF_EXECINSTR
            if section.flags & wanted != wanted or section.name.startswith(".init") != init:
                continue
            offset = -(-offset // section.align) * section.align
            layout.append((offset, index))
            offset += len(section.data)
        return layout

    def relocated(self, index):
        """The offsets of the bytes of a section that relocation changes."""
        changed = set()
        for section in self.sections:
            if section.kind == SHT_RELA and section.info == index:
                for offset, info, _ in struct.iter_unpack("<QQq", section.data):
                    width = 8 if info & 0xffffffff == R_X86_64_64 else 4
                    changed.update(range(offset, offset + width))
        return changed

    def functions(self, index):
        """(offset, name) of the functions in a section, sorted."""
        found = []
        for section in self.sections:
            if section.kind != SHT_SYMTAB:
                continue
            strings = self.sections[section.link].data
            for name, info, _, where, value, _ in struct.iter_unpack("<IBBHQQ", section.data):
                if where == index and info & 15 == STT_FUNC:
                    found.append((value, _string(strings, name)))
        return sorted(found)


def _string(table, offset):
    return table[offset:table.index(b"\0", offset)].decode()
