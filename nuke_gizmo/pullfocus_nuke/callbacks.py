# SPDX-License-Identifier: Apache-2.0
"""What a gizmo does when it is made, and when a knob of its panel moves."""

from __future__ import annotations

from typing import Any

import nuke

from pullfocus_nuke.blink import wire_kernels
from pullfocus_nuke.bokeh import ENGINES
from pullfocus_nuke.focus import focus_is_known
from pullfocus_nuke.telling import tell

__all__ = ["changed", "created"]


def created(group: Any) -> None:
    """Called when a gizmo is made, pasted or loaded."""
    if group.knob("engine") is not None and group["engine"].getValue() == 1:
        _choose_blink(group)
    show_what_counts(group)


def changed(group: Any, knob: Any) -> None:
    """Called when a knob moves."""
    if knob.name() == "engine" and knob.getValue() == 1:
        _choose_blink(group)
    if knob.name() in ("engine", "focus_mode", "coc_signed", "focus_known", "showPanel"):
        show_what_counts(group)


def _choose_blink(group: Any) -> None:
    problems = wire_kernels(group)
    if not problems:
        return
    if not nuke.GUI:
        # a frame of the farm must fail, not look different: the kernel's own error does that
        tell("\n".join(problems))
        return
    group["engine"].setValue(ENGINES[0])
    tell("The soap bubble kernel does not run here; ZDefocus stays.\n" + "\n".join(problems))


def show_what_counts(group: Any) -> None:
    """Grey out what has no effect now."""
    if group.knob("focus_mode") is not None:
        signed = focus_is_known(group)
        if not signed and group["focus_mode"].getValue() != 0:
            group["focus_mode"].setValue(0)
        for name in ("focus_mode", "sample_point", "key_focus"):
            group[name].setEnabled(signed)
        mode = group["focus_mode"].getValue()
        for name, needed in (
            ("focus_layer", mode == 1),
            ("focus_point", mode == 2),
            ("point_depth", mode == 2),
            ("focus_value", mode == 3),
        ):
            group[name].setEnabled(needed)
    if group.knob("engine") is not None:
        blink = group["engine"].getValue() == 1
        group["rim"].setEnabled(blink)
        group["zdefocus_scale"].setEnabled(not blink)
