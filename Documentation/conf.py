# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx builds Slat's manual and manual pages from this folder."""

project = "Slat"
author = "The Slat developers"
copyright = "the Slat developers"
root_doc = "index"
html_theme = "classic"
exclude_patterns = []
man_pages = [
    ("man/slat", "slat", "run and watch virtual machines on Slat", author, 1),
    ("man/slat-run", "slat-run", "boot Linux in a virtual machine", author, 1),
    ("man/slat-stat", "slat-stat", "show the counters of virtual machines", author, 1),
    ("man/slat-info", "slat-info", "what Slat and this host offer", author, 1),
]
