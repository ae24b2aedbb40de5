# SPDX-License-Identifier: Apache-2.0
"""Nodes for one, three and four layers, against layers spread and merged by the core."""

from pathlib import Path

import numpy as np
import pytest
import torch
from graph_interpreter import Interpreter, Picture
from pullfocus_nuke.importing import make_node
from pullfocus_nuke.refocus_gizmo import refocus_gizmo
from scipy.ndimage import gaussian_filter

from cuda_lensblur import scatter_blur

HEIGHT, WIDTH, MARGIN = 40, 56, 16
COLOURS = ("red", "green", "blue", "alpha")


def drawn(rng: np.random.Generator, layers: list[str]) -> dict[str, tuple]:
    """By layer: premultiplied rgba and signed radius; the last covers everything."""
    out = {}
    for index, name in enumerate(layers):
        alpha = np.ones((HEIGHT, WIDTH), np.float32)
        if name != layers[-1]:
            alpha[:] = 0
            alpha[6 + 4 * index : 26 + 4 * index, 6 + 9 * index : 30 + 9 * index] = 1
            alpha = gaussian_filter(alpha, 0.8)
        colour = rng.random((HEIGHT, WIDTH, 3)).astype(np.float32) * alpha[..., None]
        radius = np.full((HEIGHT, WIDTH), 4.0 * index - 3.0, np.float32)
        out[name] = np.dstack([colour, alpha]), radius
    return out


def spread(image: np.ndarray, radius: np.ndarray) -> np.ndarray:
    padded = [
        np.pad(a, [(MARGIN, MARGIN)] * 2 + [(0, 0)] * (a.ndim - 2), mode="edge")
        for a in (image, np.abs(radius))
    ]
    out = scatter_blur(torch.from_numpy(padded[0]).permute(2, 0, 1), torch.from_numpy(padded[1]))
    return out.permute(1, 2, 0).numpy()[MARGIN:-MARGIN, MARGIN:-MARGIN]


def passes_of(layers: dict[str, tuple]) -> Picture:
    channels = {}
    for name, (image, radius) in layers.items():
        channels.update({f"{name}.{c}": image[..., i] for i, c in enumerate(COLOURS)})
        channels[f"{name}_coc.X"] = radius
    return Picture(channels, WIDTH, HEIGHT)


@pytest.mark.parametrize("names", [["all_of_it"], ["a", "b", "c"], ["a", "b", "c", "d"]])
def test_layers_are_spread_and_merged_front_to_back(nuke, compiler, rng, names, tmp_path: Path):
    layers = drawn(rng, names)
    node = make_node(refocus_gizmo(names))
    node["max_radius"].setValue(12)
    node["engine"].setValue("soap bubble (Blink)")
    out = Interpreter(1, {"passes": passes_of(layers)}).run(node)
    expected, coc = None, None
    for name in reversed(names):
        image, radius = layers[name]
        blurred = spread(image, radius)
        if expected is None:
            expected, coc = blurred[..., :3] / blurred[..., 3:], radius.copy()
            continue
        expected = blurred[..., :3] + (1 - blurred[..., 3:]) * expected
        coc = np.where(blurred[..., 3] > 0.5, radius, coc)
    assert 10 * np.log10(1 / np.mean((out.rgb() - expected) ** 2)) > 60
    assert (np.abs(out["coc.X"] - coc) < 1e-4).mean() > 0.995
    node["output"].setValue("sharp")
    sharp = Interpreter(1, {"passes": passes_of(layers)}).run(node).rgb()
    flat = layers[names[-1]][0][..., :3]
    for name in reversed(names[:-1]):
        flat = layers[name][0][..., :3] + (1 - layers[name][0][..., 3:]) * flat
    np.testing.assert_allclose(sharp, flat, atol=1e-6)
    for index, name in enumerate(names):
        node["output"].setValue(f"{name} sharp")
        shown = Interpreter(1, {"passes": passes_of(layers)}).run(node)
        np.testing.assert_array_equal(shown.rgba(), layers[name][0])
        np.testing.assert_allclose(shown["coc.X"], 4.0 * index - 3.0, atol=1e-5)
