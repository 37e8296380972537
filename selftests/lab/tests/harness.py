# SPDX-License-Identifier: GPL-2.0-only
"""TAP for the lab's own tests, and the ways they run the lab.

A test's first argument is the backend, vmx unless given.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

LAB_DIR = pathlib.Path(__file__).resolve().parent.parent
LAB = LAB_DIR / "lab"
FAILED = 125
TIMEOUT = 900
BACKEND = sys.argv[1] if len(sys.argv) > 1 else "vmx"


def command(*words):
    """The lab's command line for a verb, its options and a command."""
    verb, *rest = map(str, words)
    return [str(LAB), verb, *(["--backend", BACKEND] if verb == "run" else []), *rest]


def lab(*words, **popen):
    """Run the lab; returns the finished process with its output as bytes."""
    return subprocess.run(command(*words), capture_output=True, timeout=TIMEOUT, check=False,
                          **popen)


def start(*words, **popen):
    """Start the lab and go on."""
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            **popen)


def cause(errors):
    """What the lab says went wrong: its first line that is not about logs."""
    lines = errors.decode().splitlines()
    return next((line for line in lines if line.startswith("lab: ")), "")


def expect(result, status, reason=""):
    """Fail unless a finished lab exited with STATUS and named REASON."""
    said = cause(result.stderr)
    assert result.returncode == status, f"status {result.returncode}, expected {status}; {said}"
    assert reason in said, f"said {said!r}, expected {reason!r}"


def build_broken(kernel):
    """Compile the broken module for a kernel, away from its source; returns its path."""
    kdir = lab("kdir", kernel).stdout.decode().strip()
    target = pathlib.Path(tempfile.mkdtemp(prefix="slat-broken-"))
    shutil.copytree(LAB_DIR / "broken", target, dirs_exist_ok=True)
    subprocess.run(["make", "-s", "-C", kdir, f"M={target}", "modules"], check=True,
                   stdout=subprocess.DEVNULL)
    return target / "broken.ko"


def main(*tests):
    """Run functions as tests, named after their docstrings."""
    print("TAP version 13")
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            verdict = "ok"
        except Exception:  # pylint: disable=broad-except
            failed += 1
            verdict = "not ok"
            for line in traceback.format_exc().splitlines():
                print("#", line)
        print(f"{verdict} {number} - {test.__doc__}", flush=True)
    sys.exit(1 if failed else 0)


def environment_without(*names):
    """This environment, some variables left out."""
    return {name: value for name, value in os.environ.items() if name not in names}
