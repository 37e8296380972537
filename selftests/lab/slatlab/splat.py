# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel prints when something is wrong, and what it does not mean by it."""

import re

SPLATS = re.compile("|".join((
    r"\bBUG: ", r"kernel BUG at", r"\bWARNING: CPU: \d", r"\bOops\b", r"general protection fault",
    r"WARNING: possible (?:circular|recursive|irq lock)", r"WARNING: .*lock.* detected",
    r"WARNING: (?:suspicious RCU usage|inconsistent lock state|bad unlock balance|"
    r"held lock freed|lock held when returning)", r"Invalid wait context",
    r"INFO: (?:rcu|trying to register non-static key|task .* blocked for more than)",
    r"rcu: INFO: .*(?:stall|detected)", r"possible circular locking", r"inconsistent lock state",
    r"suspicious RCU usage", r"sleeping function called", r"scheduling while atomic",
    r"soft lockup", r"hard LOCKUP", r"blocked for more than \d+ seconds",
    r"KASAN: ", r"UBSAN: ", r"KFENCE: ", r"KCSAN: ", r"ODEBUG: ", r"list_(?:add|del) corruption",
    r"[Oo]bjects remaining in", r"kmem_cache_destroy .*: Slab cache still has objects",
    r"refcount_t: ", r"unchecked MSR access error", r"Bad page (?:state|map)",
    r"page allocation failure", r"Out of memory: Killed",
    r"percpu ref .* <= 0", r"stack segment:", r"double fault", r"Kernel stack overflow",
)))

# Messages of a healthy boot in the emulator that a pattern above would match; 6.12 finds the
# emulator's CPUID leaves about topology at odds with each other.
HARMLESS = re.compile(r"RETBleed: WARNING|Spectre|topology_common\.c:\d+ parse_legacy")

# A data race is judged by where its accesses are, which this line names: the kernel has some of
# its own.
RACE = re.compile(r"BUG: KCSAN: ")
OURS = re.compile(r"\[(?:slat|broken)\]")

PANIC = re.compile(r"Kernel panic - not syncing: ?(.*)")

# sysrq 'c' panics on purpose; older and debug kernels print it as an Oops.
DELIBERATE = re.compile(r"sysrq triggered crash")

VMFAIL = re.compile(r"VMFAIL|VMENTER FAIL|VMABORT")

TAINTS = "PFSRMBUDAWCIOELKXTN"
# Out of tree and unsigned, as Slat is here.
TAINTS_ALLOWED = "OE"

_STAMP = re.compile(r"^(?:<(\d+)>)?\[ *[\d.]+\](?:\[[^]]*\])? ?")


def first(log, allowed=()):
    """The first splat line of a kernel log; None if there is none.

    A line with a level prefix (dmesg -r) whose facility is not the kernel was
    written to /dev/kmsg by a program, and proves nothing.
    """
    for line in log.splitlines():
        stamp = _STAMP.match(line)
        if stamp and stamp[1] and int(stamp[1]) >> 3:
            continue
        text = line[stamp.end():] if stamp else line
        if SPLATS.search(text) and not _harmless(text) and not _any(allowed, text):
            return text.strip()
    return None


def _harmless(text):
    return HARMLESS.search(text) or RACE.search(text) and not OURS.search(text)


def leak(report):
    """The first object of kmemleak's report, on one line; None if there is none."""
    objects = re.findall(r"\(size (\d+)\):.*?backtrace:\n(.*?)(?=^unreferenced|\Z)", report,
                         re.M | re.S)
    if not objects:
        return report.strip() or None
    size, trace = objects[0]
    callers = " < ".join(line.split("] ")[-1].strip() for line in re.findall(r"\[<.*", trace))
    return f"memory leak: {len(objects)} objects, the first of {size} bytes by {callers}"


def panic(log):
    """What the kernel says it panicked for; None if it did not."""
    found = PANIC.search(log)
    return found[1].strip() if found else None


def taint(before, after):
    """The letters of the taint flags a kernel got that it must not get.

    BEFORE it runs anything it may have some: the emulated CPU is not what it expects.
    """
    new = after & ~before
    letters = (letter for bit, letter in enumerate(TAINTS) if new >> bit & 1)
    return "".join(letter for letter in letters if letter not in TAINTS_ALLOWED)


def vmfail(log, allowed=()):
    """The first line in which the emulator says why it refused a VM entry or exit."""
    for line in log.splitlines():
        found = VMFAIL.search(line)
        if found and not _any(allowed, line):
            return line[found.start():].strip()
    return None


def _any(texts, line):
    return any(text in line for text in texts)
