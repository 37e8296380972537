# SPDX-License-Identifier: GPL-2.0-only
"""Names for addresses in the machine, foremost for where a hung one is.

Kernel addresses are looked up in System.map, those of modules that were there
before COMMAND by the addresses the guest told us. A module that hangs in its init
function told nobody; so the code around RIP, read by the debugger, is compared
with that of every module the guest was given.
"""

import bisect
import re

from .elf import Module

PAGE = 4096
WINDOW = 64
# Alternatives, static calls and ftrace patch a loaded module: most bytes must agree, not all.
ENOUGH = 0.75
KERNEL = 1 << 63
IF = 1 << 9


class Symbols:
    """Names for addresses. LOADED: the guest's /proc/modules, if it got to send it."""

    def __init__(self, system_map, modules, loaded):
        self._modules = [Module(path.read_bytes()) for path in modules]
        self._bases = {}
        for line in (loaded or "").splitlines():
            words = line.split()
            self._bases[words[0]] = int(words[5], 16)
        self._symbols = []
        if system_map.exists():
            lines = (line.split() for line in system_map.read_text(encoding="ascii").splitlines())
            self._symbols = sorted((int(line[0], 16), line[2]) for line in lines
                                   if len(line) == 3 and line[1] in "tTwW")

    def name(self, address, code=(0, b"")):
        """`function+0x12 [module]`, or the bare address. CODE: see _match()."""
        if address < KERNEL:
            return f"{address:#x} (not in the kernel)"
        index = bisect.bisect(self._symbols, (address, "~")) - 1
        if 0 <= index < len(self._symbols) - 1:
            start, name = self._symbols[index]
            return f"{name}+{address - start:#x}"
        return self._loaded(address) or self._recognized(address, code) or f"{address:#x}"

    def in_text(self, text):
        """TEXT with the bare kernel addresses in it replaced by names."""
        return re.sub(r"\b0xffffffff[0-9a-f]{8}\b", lambda found: self.name(int(found[0], 16)),
                      text)

    def _loaded(self, address):
        for module in self._modules:
            base = self._bases.get(module.modinfo("name"))
            for start, index in module.text(False) if base else ():
                offset = address - base - start
                if 0 <= offset < len(module.sections[index].data):
                    return _function(module, index, offset)
        return None

    def _recognized(self, address, code):
        best, best_score = None, ENOUGH
        for module in self._modules:
            for start, index in module.text(False) + module.text(True):
                score, offset = _match(module, index, start, address, code)
                if score > best_score:
                    best_score, best = score, (module, index, offset)
        return _function(*best) if best else None


def _function(module, index, offset):
    functions = module.functions(index)
    at = bisect.bisect(functions, (offset, "~")) - 1
    if at < 0:
        return None
    start, name = functions[at]
    return f"{name}+{offset - start:#x} [{module.modinfo('name')}]"


def _match(module, index, start, address, code):
    """The best agreement of CODE with a section, at offsets ADDRESS's page offset allows.

    CODE: how many of the bytes lie before ADDRESS, and the bytes.
    """
    data = module.sections[index].data
    changed = module.relocated(index)
    before, loaded = code
    best = (0.0, 0)
    for offset in range((address - start) % PAGE, len(data), PAGE):
        first = offset - before
        pairs = [(data[i], loaded[i - first]) for i in range(max(first, 0), first + len(loaded))
                 if i < len(data) and i not in changed]
        if pairs:
            best = max(best, (sum(a == b for a, b in pairs) / len(pairs), offset))
    return best


def locate(machine, symbols):
    """One phrase per CPU: `CPU0 at spin_forever+0x12 [broken] (IF=0)`."""
    if not machine.stop():
        return "where is unknown, no debugger answered"
    return "; ".join(_locate_cpu(machine, symbols, cpu) for cpu in range(machine.cpus))


def _locate_cpu(machine, symbols, cpu):
    registers = machine.registers(cpu)
    if not registers:
        return f"CPU{cpu} gave no registers"
    address, flags = registers
    name = symbols.name(address, _code(machine, cpu, address))
    return f"CPU{cpu} at {name} (IF={int(bool(flags & IF))})"


def _code(machine, cpu, address):
    """(bytes before ADDRESS, bytes), without crossing into a page that may not be mapped."""
    first = max(address - WINDOW, address & -PAGE)
    count = min(address + WINDOW, (address | (PAGE - 1)) + 1) - first
    return address - first, machine.code(cpu, first, count)
