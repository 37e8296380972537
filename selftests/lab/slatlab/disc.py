# SPDX-License-Identifier: GPL-2.0
"""The disc the machine boots: a boot sector, a kernel, an initrd, its command line.

Laid out for guest/boot.S, which copies runs of sectors to where its table says and
jumps; what Documentation/arch/x86/boot.rst asks of a boot loader is done here.
"""

import struct
import subprocess

from . import paths
from .errors import LabError

SECTOR = 512
TABLE = 0x1c0

SETUP_ADDRESS = 0x90000
HEAP_END = 0xe000
COMMAND_LINE_ADDRESS = SETUP_ADDRESS + HEAP_END
COMMAND_LINE_MAX = 2048
KERNEL_ADDRESS = 0x100000
# The BIOS keeps its ACPI tables at the top of memory.
RESERVED_AT_TOP = 1 << 20
PAGE = 4096

# Offsets into the setup header.
SETUP_SECTS = 0x1f1
TYPE_OF_LOADER, LOADER_UNDEFINED = 0x210, 0xff
LOADFLAGS, CAN_USE_HEAP = 0x211, 0x80
RAMDISK_IMAGE = 0x218
HEAP_END_PTR = 0x224
CMD_LINE_PTR = 0x228


def _boot_sector(directory):
    compiled, linked = directory / "boot.o", directory / "boot.bin"
    for command in (["gcc", "-c", "-m32", "-o", compiled, paths.LAB / "guest/boot.S"],
                    ["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary",
                     "-o", linked, compiled]):
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                check=False)
        if result.returncode:
            raise LabError(f"guest/boot.S: {result.stderr.strip()}")
    return linked.read_bytes()


def write_disc(directory, vmlinuz, initrd, command_line, mem):
    """Leave a disc in DIRECTORY for a machine with MEM MiB; returns its path."""
    image, ramdisk = vmlinuz.read_bytes(), initrd.read_bytes()
    line = command_line.encode() + b"\0"
    if len(line) > COMMAND_LINE_MAX:
        raise LabError(f"the kernel command line is longer than {COMMAND_LINE_MAX - 1} bytes")
    ramdisk_address = ((mem << 20) - RESERVED_AT_TOP - len(ramdisk)) // PAGE * PAGE
    # In place decompression needs a few times the size of the image.
    if ramdisk_address < KERNEL_ADDRESS + 8 * len(image):
        raise LabError(f"{mem} MiB of memory are too few for an initrd of {len(ramdisk) >> 20} MiB")

    setup_size = (image[SETUP_SECTS] + 1) * SECTOR
    setup = bytearray(image[:setup_size])
    setup[TYPE_OF_LOADER] = LOADER_UNDEFINED
    setup[LOADFLAGS] |= CAN_USE_HEAP
    struct.pack_into("<II", setup, RAMDISK_IMAGE, ramdisk_address, len(ramdisk))
    struct.pack_into("<H", setup, HEAP_END_PTR, HEAP_END - 0x200)
    struct.pack_into("<I", setup, CMD_LINE_PTR, COMMAND_LINE_ADDRESS)

    sector = bytearray(_boot_sector(directory))
    path = directory / "disc"
    with open(path, "wb") as disc:
        disc.write(bytes(SECTOR))
        for index, (address, data) in enumerate(((SETUP_ADDRESS, setup),
                                                 (COMMAND_LINE_ADDRESS, line),
                                                 (KERNEL_ADDRESS, image[setup_size:]),
                                                 (ramdisk_address, ramdisk))):
            count = -(-len(data) // SECTOR)
            struct.pack_into("<III", sector, TABLE + 12 * index, disc.tell() // SECTOR, count,
                             address)
            disc.write(data + bytes(count * SECTOR - len(data)))
        disc.seek(0)
        disc.write(sector)
        _round_up(disc)
    return path


def _round_up(disc):
    """Whole cylinders of the geometry the emulator assumes: 16 heads of 63 sectors."""
    cylinder = 16 * 63 * SECTOR
    disc.seek(0, 2)
    disc.truncate(-(-disc.tell() // cylinder) * cylinder)
