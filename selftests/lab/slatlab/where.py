# SPDX-License-Identifier: GPL-2.0
"""Where a hung machine is: asks the debugger for each CPU, names the function.

Kernel addresses are looked up in System.map. A module's load address is not
known when its init function hangs, as nobody in the guest can tell us any more;
so the code around RIP is compared with that of every module the guest was given.
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
    """Names for addresses."""

    def __init__(self, system_map, modules):
        self._modules = modules
        self._symbols = []
        if system_map and system_map.exists():
            lines = (line.split() for line in system_map.read_text(encoding="ascii").splitlines())
            self._symbols = sorted((int(line[0], 16), line[2]) for line in lines
                                   if len(line) == 3 and line[1] in "tTwW")

    def name(self, address, code):
        """`function+0x12 [module]`, or the bare address. CODE: the bytes around it."""
        if address < KERNEL:
            return f"{address:#x} (not in the kernel)"
        index = bisect.bisect(self._symbols, (address, "~")) - 1
        if 0 <= index < len(self._symbols) - 1:
            start, name = self._symbols[index]
            return f"{name}+{address - start:#x}"
        return self._in_module(address, code) or f"{address:#x}"

    def _in_module(self, address, code):
        best, best_score = None, ENOUGH
        for path in self._modules:
            module = Module(path.read_bytes())
            for init in (False, True):
                for start, index in module.text(init):
                    score, offset = _match(module, index, start, address, code)
                    if score > best_score:
                        best_score = score
                        best = (module, index, offset)
        if not best:
            return None
        module, index, offset = best
        functions = module.functions(index)
        at = bisect.bisect(functions, (offset, "~")) - 1
        if at < 0:
            return None
        start, name = functions[at]
        return f"{name}+{offset - start:#x} [{module.modinfo('name')}]"


def _match(module, index, start, address, code):
    """The best agreement of CODE with a section, at offsets RIP's page offset allows."""
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
    registers = machine.ask("info cpu", r"K7: [0-9a-f_]+\s*$")
    found = []
    for block in re.split(r"^(?=CPU\d+:)", registers, flags=re.M)[1:]:
        cpu = re.match(r"CPU(\d+)", block)[1]
        rip = re.search(r"^rip: ([0-9a-f_]+)", block, re.M)
        flags = re.search(r"^eflags 0x([0-9a-f]+)", block, re.M)
        if not rip or not flags:
            continue
        address = int(rip[1].replace("_", ""), 16)
        name = symbols.name(address, _code(machine, address))
        found.append(f"CPU{cpu} at {name} (IF={int(bool(int(flags[1], 16) & IF))})")
    return "; ".join(found) or "where is unknown, the debugger gave no registers"


def _code(machine, address):
    """(bytes before ADDRESS, bytes), without crossing into a page that may not be mapped."""
    first = max(address - WINDOW, address & -PAGE)
    count = min(address + WINDOW, (address | (PAGE - 1)) + 1) - first
    listing = machine.ask(f"x /{count}bx {first:#x}", r"<bogus\+\s*\d+>:(?s:.*)\n$")
    rows = re.findall(r"<bogus\+\s*\d+>:((?:\s+0x[0-9a-f]{2})+)", listing)
    return address - first, bytes(int(byte, 16) for row in rows for byte in row.split())
