# SPDX-License-Identifier: Apache-2.0
"""The plate's focus pull, keyed on a ZDefocus of Nuke's own: CG follows without our nodes.

ZDefocus in the mode *depth* blurs what lies at a distance z by ``size (1 - center / z)``; a lens by
``b (1 / focus - 1 / z)``, px of radius, near negative. They are the same where the centre is the
distance in focus, and the size ``b / focus``. Two places of the shot whose distance is known tie
its depth, px of radius, to the scene: that is b.
"""

from __future__ import annotations

from typing import Any

import nuke

from pullfocus_nuke import dialogs
from pullfocus_nuke.asking import asked
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.focus import chosen_pullfocus, focus_is_known
from pullfocus_nuke.passes import read_passes
from pullfocus_nuke.placing import new_node
from pullfocus_nuke.telling import tell

__all__ = ["FARTHEST", "key_zdefocus", "lens_keys"]

FARTHEST = 1e6
"""Focus beyond infinity: a distance that blurs as infinity does, in the scene's unit."""


def lens_keys(
    near: tuple[float, float], far: tuple[float, float], focus: float, aperture: float = 1.0
) -> tuple[float, float]:
    """Return centre (distance) and size (px of radius) of a ZDefocus at one frame.

    Args:
        near: depth, px of radius, and distance of a near place.
        far: of a far one.
        focus: depth in focus, px of radius.
        aperture: scale of all blur.

    Raises:
        GizmoError: places that lie at one depth, or the wrong way round.
    """
    if not 0 < near[1] < far[1]:
        raise GizmoError(
            f"expected the front layer nearer than the last one, got {near[1]:g} and {far[1]:g}"
        )
    if far[0] - near[0] < 1e-3:
        raise GizmoError(
            f"expected layers of different depth, got {near[0]:.2f} and {far[0]:.2f} px"
        )
    strength = (far[0] - near[0]) / (1 / near[1] - 1 / far[1])
    inverse = max(1 / far[1] - (focus - far[0]) / strength, 1 / FARTHEST)
    return 1 / inverse, aperture * strength * inverse


def key_zdefocus() -> Any | None:
    """Ask for two distances, and make a ZDefocus behind the selected node that follows the pull.

    It is keyed on every frame of the shot: where the chosen PullFocus focuses, by its aperture.

    Returns:
        The ZDefocus, or None when nothing was chosen or something is wrong, which is said.
    """
    try:
        leader = chosen_pullfocus()
        if not focus_is_known(leader):
            raise GizmoError("The plate's focus is not known in this shot: nothing to follow.")
        passes = read_passes(leader["passes_json"].value())
        chosen = [node for node in nuke.selectedNodes() if node is not leader]
        tied = _asked()
        if tied is None:
            return None
        front, last = passes.layers[0].depth, passes.layers[-1].depth
        keys = {
            frame: lens_keys(
                (front, tied[0]),
                (last, tied[1]),
                leader["focus_depth"].getValueAt(frame),
                leader["aperture"].getValueAt(frame),
            )
            for frame in passes.frames
        }
        node = new_node("ZDefocus2", *chosen[:1])
    except (GizmoError, RuntimeError) as error:
        tell(str(error))
        return None
    for knob, value in (
        ("z_channel", "depth.Z"),
        ("math", "depth"),
        ("dof", 0),
        ("blur_dof", False),
        ("legacy_resize_mode", False),
        ("max_size", leader["max_radius"].value()),
        ("label", "follows " + leader.name()),
    ):
        node[knob].setValue(value)
    for knob, index in (("center", 0), ("size", 1)):
        node[knob].setAnimated()
        for frame, pair in keys.items():
            node[knob].setValueAt(pair[index], frame)
    return node


def _asked() -> tuple[float, float] | None:
    near, far = dialogs.NEAR.label, dialogs.FAR.label
    answers = asked(dialogs.ZDEFOCUS, {near: "2", far: "10"})
    if answers is None:
        return None
    try:
        return float(answers[near]), float(answers[far])
    except ValueError as error:
        raise GizmoError(f"expected distances in the unit of depth.Z, got: {error}") from error
