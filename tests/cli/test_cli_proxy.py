# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from pullfocus import cli
from pullfocus.errors import PullfocusError
from pullfocus.solve.asked import with_proxy
from pullfocus.solve.presets import PRESETS, for_frames
from pullfocus.solve.settings import SolveSettings

PLAIN = SolveSettings()


@pytest.mark.parametrize(
    ("proxy", "width", "chosen"),
    [
        ("auto", 512, 0),
        ("auto", 1920, 640),
        ("off", 1920, 0),
        ("480", 1920, 480),
        ("480", 480, 0),  # a proxy as large as the plate is the plate
    ],
)
def test_a_proxy_is_chosen_by_the_width_or_by_hand(proxy, width, chosen):
    assert with_proxy(PLAIN, proxy, width).proxy == chosen


def test_nothing_solved_needs_no_proxy_and_networks_take_none():
    assert with_proxy(replace(PLAIN, steps=0), "auto", 1920).proxy == 0
    assert with_proxy(PRESETS["paper"], "auto", 1920).proxy == 0
    with pytest.raises(PullfocusError, match="--proxy: goes with the preset fast"):
        with_proxy(PRESETS["paper"], "640", 1920)


@pytest.mark.parametrize("text", ["half", "-640", "12", "6e2"])
def test_other_words_are_refused_in_one_line(text, tmp_path, capfd):
    plate = "tests/clips/market/plate.####.png"
    out = tmp_path / "x.solve"
    assert cli.run(["solve", plate, f"--proxy={text}", "--out", str(out)]) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert said[-1].startswith("pullfocus: error: --proxy: expected auto, off or a width of 64 px")
    assert not out.exists()


def test_steps_follow_the_length_of_a_shot():
    longer = [for_frames(PLAIN, count) for count in (1, 32, 64, 96)]
    assert [one.steps for one in longer] == [1900, 1900, 3800, 5700]
    assert [one.texture_steps for one in longer] == [1900, 1900, 3800, 5700]
