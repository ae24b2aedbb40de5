# SPDX-License-Identifier: Apache-2.0
"""Passes on disk become a Read, and a PullFocus made for their layers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Sequence

import nuke

from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.nodes import Gizmo, gizmo_text
from pullfocus_nuke.passes import Passes, knob_text, read_passes
from pullfocus_nuke.placing import new_node, nothing_selected
from pullfocus_nuke.refocus_gizmo import refocus_gizmo
from pullfocus_nuke.telling import tell

__all__ = ["CONFIDENCE", "apply_passes", "import_passes", "make_node", "reload", "remarks"]

CONFIDENCE = "confidence.X"
"""Earlier versions did not bake it."""


def import_passes(path: str | None = None) -> Any | None:
    """Ask for passes.json, and make a Read and a PullFocus from it.

    Args:
        path: do not ask.

    Returns:
        The PullFocus node, or None when nothing was chosen or something is wrong, which is said.
    """
    if path is None:
        path = nuke.getFilename("Passes of pullfocus (passes.json)", "passes.json *.json")
    if not path:
        return None
    try:
        passes = read_passes(path)
        read = _read_node(passes)
        group = make_node(refocus_gizmo([layer.name for layer in passes.layers]))
    except GizmoError as error:
        tell(str(error))
        return None
    group.setInput(0, read)
    group.setXYpos(read.xpos(), read.ypos() + 160)
    apply_passes(group, passes)
    for knob, value in passes.iris.items():  # new blur beside old; a reload leaves it alone
        group[knob].setValue(value)
    notes = remarks(passes)
    if notes:
        tell("\n".join(notes))
    return group


def make_node(gizmo: Gizmo) -> Any:
    """Make a node of a gizmo's description, as an editable group."""
    handle, path = tempfile.mkstemp(suffix=".nk", prefix="pullfocus_")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(gizmo_text(gizmo))
        with nothing_selected():
            # what was pasted is selected, should a version of Nuke not return it
            return nuke.nodePaste(path.replace("\\", "/")) or nuke.selectedNode()
    finally:
        Path(path).unlink()


def _read_node(passes: Passes) -> Any:
    read = new_node("Read")
    read["file"].setValue(passes.pattern)
    for knob, value in (
        ("first", passes.first),
        ("last", passes.last),
        ("origfirst", passes.first),
        ("origlast", passes.last),
    ):
        read[knob].setValue(value)
    # Scene-linear already, and uv, radii and motion must not pass through any curve.
    read["raw"].setValue(True)
    # Between frames that the plate left out nothing was lost: the nearest one is shown.
    read["on_error"].setValue("nearest frame" if passes.gaps() else "error")
    if passes.pixel_aspect != 1:
        name = f"pullfocus_{passes.width}x{passes.height}_{passes.pixel_aspect:g}"
        nuke.addFormat(f"{passes.width} {passes.height} {passes.pixel_aspect:g} {name}")
        read["format"].setValue(name)
    read["label"].setValue("pullfocus passes\n" + passes.colorspace)
    return read


def apply_passes(group: Any, passes: Passes) -> None:
    """Tell a PullFocus what passes.json says.

    Raises:
        GizmoError: the node was made for other layers.
    """
    missing = [layer.name for layer in passes.layers if group.knob(layer.name + "_on") is None]
    if missing or len(group["focus_layer"].values()) != len(passes.layers):
        raise GizmoError(
            "expected a node with the layers {}, got {} with {}: import the passes again".format(
                ", ".join(layer.name for layer in passes.layers),
                group.name(),
                ", ".join(group["focus_layer"].values()),
            )
        )
    group["passes_json"].setValue(passes.json_path)
    group["plate_width"].setValue(passes.width)
    group["plate_height"].setValue(passes.height)
    group["pass_colorspace"].setValue(passes.colorspace)
    if not any(group["focus_point"].value()):
        group["focus_point"].setValue([passes.width / 2.0, passes.height / 2.0])
    for layer in passes.layers:
        group[layer.name + "_middle"].setValue(layer.depth)
        group[layer.name + "_atlas"].setValue(knob_text(layer.atlas))
        group[layer.name + "_atlas_width"].setValue(layer.atlas_width)
        group[layer.name + "_atlas_height"].setValue(layer.atlas_height)
    focus = group["plate_focus"]
    focus.clearAnimated()
    if passes.focus:
        focus.setAnimated()
        for frame in sorted(passes.focus):
            focus.setValueAt(passes.focus[frame], frame)
    else:
        focus.setValue(0)
    group["coc_signed"].setValue(passes.coc_signed)
    if group.knob("focus_known") is not None:  # nodes of earlier versions lack it
        group["focus_known"].setValue(bool(passes.focus))
    if group.knob("confidence_known") is not None:
        group["confidence_known"].setValue(passes.holds(CONFIDENCE) is not False)


def reload(group: Any) -> None:
    """Read the passes.json that a node names, and give the node its Read if it has no input."""
    path = group["passes_json"].value()
    if not path:
        tell("Choose the passes.json of a bake first.")
        return
    try:
        passes = read_passes(path)
        apply_passes(group, passes)
    except GizmoError as error:
        tell(str(error))
        return
    read = group.input(0)
    if read is None:
        group.setInput(0, _read_node(passes))
    elif read.Class() == "Read":
        for knob, value in (
            ("file", passes.pattern),
            ("first", passes.first),
            ("last", passes.last),
        ):
            read[knob].setValue(value)


def remarks(passes: Passes) -> list[str]:
    """Return what an artist should know before trusting what is shown."""
    out = []
    if not passes.coc_signed:
        out.append(
            "Near and far are not told apart in this shot: focus can't be pulled, only scaled."
        )
    elif not passes.focus:
        out.append(
            "The plate's focus is not known in this shot: focus can't be pulled. As shot, near, far"
            " and aperture scale its own blur."
        )
    elif not passes.depths_known:
        out.append("These passes do not hold the depth of layers: bake them again to focus on one.")
    if passes.holds(CONFIDENCE) is False:
        out.append("These passes hold no confidence: bake them again to see it.")
    missing = passes.missing()
    if missing:
        out.append(
            f"{len(missing)} of {len(passes.frames)} frames have no file:"
            f" {_ranges(missing)}. Bake them too."
        )
    gaps = passes.gaps()
    if gaps:
        out.append(
            f"The plate left out {_ranges(gaps)}: the nearest frame is shown there, and forward and"
            " backward are px to the next frame of the clip, not of the passes."
        )
    if "#" in passes.folder:
        out.append(
            f"Nuke takes # for the frame number: move the passes out of {passes.folder}, or they"
            " will not be found."
        )
    lost = [layer.atlas for layer in passes.layers if not Path(layer.atlas).is_file()]
    if lost:
        out.append(f"There is no atlas at {lost[0]}: painting is off.")
    working = nuke.root().knob("workingSpaceLUT")
    space = working.value() if working is not None else ""
    if space and not _same_space(str(space), passes.colorspace):
        out.append(
            f"The passes are {passes.colorspace}, this script works in {space}: add an"
            " OCIOColorSpace after PullFocus."
        )
    return out


def _ranges(frames: Sequence[int], most: int = 5) -> str:
    """Return rising frame numbers as 1-4, 7, 9-12; what is beyond ``most`` runs is only hinted."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:most]]
    return ", ".join(words + (["..."] if len(runs) > most else []))


_SAME = (
    ("linrec709srgb", "linearrec709srgb", "linsrgb", "linrec709", "scenelinearrec709srgb"),
    ("acescg", "linap1", "acesacescg"),
)


def _same_space(one: str, other: str) -> bool:
    """Whether two names mean the same space, as far as names tell."""
    flat = ["".join(c for c in name.lower() if c.isalnum()) for name in (one, other)]
    if flat[0] == flat[1] or "scenelinear" in flat:
        return True
    return any(flat[0] in names and flat[1] in names for names in _SAME)
