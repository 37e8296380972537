# SPDX-License-Identifier: GPL-2.0-only
"""Figures of Slat beside those of KVM: a table, and JSON."""

import json
import statistics


def digits(ratio):
    """As many as mean something, however small it is."""
    return float(f"{ratio:.4g}")


def middle(values):
    """Their median; None: there are none."""
    values = [value for value in values if value is not None]
    return round(statistics.median(values)) if values else None


def row(name, params, unit, slat, kvm):
    """A figure as it is reported, of what its pairs have measured."""
    ratios = [one / other for one, other in zip(slat, kvm) if other and one is not None]
    figure = {"name": name, "unit": unit, "slat": middle(slat), "kvm": middle(kvm),
              "ratio": digits(statistics.median(ratios)) if ratios else None,
              "params": params}
    if len(ratios) > 1:
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        figure["quartiles"] = [digits(low), digits(high)]
    return figure


def count(value):
    """As it is printed."""
    return "-" if value is None else f"{value:,}"


def label(figure):
    """Its name and parameters, as they are printed."""
    params = ",".join(f"{key}={value}" for key, value in figure["params"].items())
    return f"{figure['name']} {params}".strip()


def show(rows):
    """Print a table."""
    width = max([40, *(len(label(figure)) + 1 for figure in rows)])
    print(f"\n{'':<{width}}{'slat':>14}{'kvm':>16}{'slat/kvm':>10}")
    for figure in rows:
        ratio = "-" if figure["ratio"] is None else figure["ratio"]
        spread = " to ".join(map(str, figure.get("quartiles", [])))
        slat, kvm = count(figure["slat"]), count(figure["kvm"])
        print(f"{label(figure):<{width}}{slat:>14}{kvm:>16}{ratio:>10} "
              f"{figure['unit']:<11}{spread}".rstrip())


def write(rows, path):
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
