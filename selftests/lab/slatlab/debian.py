# SPDX-License-Identifier: GPL-2.0-only
"""Debian's packages as a source of kernels: found, downloaded, unpacked, never installed."""

import os
import re
import subprocess

from .errors import LabError, Skip


def _output(*command, cwd=None):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr or result.stdout).strip().splitlines() or ["no output"]
        raise LabError(f"{' '.join(command[:3])} failed: {reason[-1]}")
    return result.stdout


def depends(package):
    """The packages a package depends on."""
    return re.findall(r"^\s*Depends: (\S+)", _output("apt-cache", "depends", package), re.M)


def version(package):
    """The version apt would download."""
    found = re.search(r"Candidate: (\S+)", _output("apt-cache", "policy", package))
    if not found or found[1] == "(none)":
        raise LabError(f"apt knows no package {package}; run apt-get update")
    return found[1]


def cloud_release():
    """The kernel release (as in uname -r) behind Debian's cloud kernel of this suite."""
    for package in depends("linux-headers-cloud-amd64"):
        found = re.fullmatch(r"linux-headers-(.*-cloud-amd64)", package)
        if found:
            return found[1]
    raise LabError("linux-headers-cloud-amd64 depends on no headers; run apt-get update")


def newest_release(series):
    """The newest cloud kernel of a series, such as 6.12, that this suite offers."""
    pattern = rf"^linux-image-{re.escape(series)}.*-cloud-amd64-unsigned$"
    listing = _output("apt-cache", "search", "--names-only", pattern)
    releases = re.findall(r"^linux-image-(\S+-cloud-amd64)-unsigned", listing, re.M)
    if not releases:
        raise Skip(f"no suite in the apt sources offers a {series} cloud kernel")
    return max(releases, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def unpack(packages, directory):
    """Download packages and unpack them into DIRECTORY."""
    options = ["-o", "APT::Sandbox::User=root"] if os.getuid() == 0 else []
    _output("apt-get", "-qq", *options, "download", *packages, cwd=directory)
    for deb in sorted(directory.glob("*.deb")):
        _output("dpkg", "-x", str(deb), str(directory))
        deb.unlink()
