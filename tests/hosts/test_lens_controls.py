# SPDX-License-Identifier: Apache-2.0
"""One text for one control: the command line, Blender and Nuke say the same of the lens."""

import inspect
from dataclasses import dataclass
from typing import get_args, get_type_hints

import pytest
from pullfocus.cli.refocus import refocus
from pullfocus.refocus.asked import asked_lens
from pullfocus.refocus.controls import BLENDER_LACKS, CONTROLS
from pullfocus.refocus.new_lens import NewLens
from pullfocus_nuke.cg_gizmo import cg_gizmo
from pullfocus_nuke.refocus_panel import refocus_knobs

from blender_addon.group_inputs import lens_specs


@dataclass(frozen=True)
class Shown:
    """A control as a host shows it."""

    default: object
    tip: str
    least: float | None
    most: float | None


def in_blender() -> dict[str, Shown]:
    return {
        spec.name.lower().replace(" ", "_"): Shown(spec.value, spec.tip, spec.low, spec.high)
        for spec in lens_specs(signed=True)
    }


def in_nuke(knobs) -> dict[str, Shown]:
    shown = {}
    for knob in knobs:
        if knob.name in CONTROLS:
            least, most = knob.range or (None, None)
            shown[knob.name] = Shown(knob.default, knob.tooltip, least, most)
    return shown


HOSTS = {
    "Blender": in_blender(),
    "Nuke, PullFocus": in_nuke(refocus_knobs(("fg", "bg"))),
    "Nuke, PullFocusLens": in_nuke(cg_gizmo().knobs),
}
CASES = [(host, name) for host, shown in HOSTS.items() for name in shown]
OTHER_DEFAULTS = {
    # Blender has no iris without blades: six of them, curved until they are round
    ("Blender", "blades"): 6,
    ("Blender", "roundness"): 1.0,
    # a number where the command line leaves it to the solve, which is the same 2
    ("Nuke, PullFocus", "rim"): 2,
    ("Nuke, PullFocusLens", "rim"): 2,
}
OTHER_LIMITS = {
    ("Blender", "inner_ring"),  # its own iris: a ring as thin as one likes
}


def test_every_host_has_the_lens_and_none_has_a_control_of_its_own():
    assert set(HOSTS["Blender"]) | set(BLENDER_LACKS) == set(CONTROLS)
    assert not set(HOSTS["Blender"]) & set(BLENDER_LACKS)
    every = {"aperture", "near", "far", "max_radius", "blades", "rotation", "roundness"}
    for shown in HOSTS.values():
        assert every | {"inner_ring"} <= set(shown)
    nuke = {"squeeze", "rim", "spherical", "cats_eye", "cats_eye_softness", "screen_relative"}
    assert nuke <= set(HOSTS["Nuke, PullFocus"])
    assert nuke <= set(HOSTS["Nuke, PullFocusLens"])


@pytest.mark.parametrize(("host", "name"), CASES)
def test_hosts_say_what_the_table_says(host, name):
    shown, control = HOSTS[host][name], CONTROLS[name]
    assert shown.tip.startswith(control.text)
    expected = OTHER_DEFAULTS.get((host, name), control.default)
    assert shown.default == pytest.approx(expected)
    if shown.least is not None and (host, name) not in OTHER_LIMITS:
        assert control.least is None or shown.least >= control.least
        assert control.most is None or shown.most <= control.most


@pytest.mark.parametrize("name", CONTROLS)
def test_the_command_line_says_what_the_table_says(name):
    option = get_args(get_type_hints(refocus, include_extras=True)[name])[1]
    default = inspect.signature(refocus).parameters[name].default
    assert option.help.startswith(CONTROLS[name].text)
    assert option.help.endswith(".")
    assert (option.min, option.max) == (CONTROLS[name].least, CONTROLS[name].most)
    assert default == CONTROLS[name].default


def test_texts_have_no_full_stop_of_their_own():
    assert not [name for name, one in CONTROLS.items() if one.text.endswith(".")]


def test_the_table_at_its_defaults_is_the_lens_of_the_plate():
    assert asked_lens({}) == NewLens()
