# SPDX-License-Identifier: Apache-2.0
"""Compiles the kernels of a gizmo and lets its panel drive them.

A kernel's parameters become knobs only when Nuke compiles it, so they can't be wired in the file.
"""

from __future__ import annotations

from typing import Any

from pullfocus_nuke.bokeh import KERNEL_WIRES

__all__ = ["wire_kernels"]


def wire_kernels(group: Any) -> list[str]:
    """Compile what is not compiled yet, and drive every parameter from the panel.

    Args:
        group: the gizmo.

    Returns:
        What is wrong, a line each; empty when all kernels run.
    """
    problems = []
    for node in group.nodes():
        suffix = node.name().rsplit("_", 1)[-1]
        if node.Class() != "BlinkScript" or suffix not in KERNEL_WIRES:
            continue
        _, kernel, wires = KERNEL_WIRES[suffix]
        names = {label: f"{kernel}_{label}" for label in wires}
        if any(node.knob(name) is None for name in names.values()):
            node["recompile"].execute()
        missing = [name for name in names.values() if node.knob(name) is None]
        if missing or node.hasError():
            problems.append(f"{node.name()}: the kernel {kernel} did not compile")
            continue
        for label, expression in wires.items():
            node[names[label]].setExpression(expression)
    return problems
