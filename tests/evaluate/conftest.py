# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from pullfocus.evaluate.truth import open_truth
from pullfocus.passes.contract import JSON_NAME, LayerEntry, Passes, exr_metadata, pass_table
from pullfocus.passes.passes_json import write_passes_json
from pullfocus.plate.exr import Plane, write_exr

MARKET = Path(__file__).parents[1] / "clips" / "market"


def decode_srgb(display):
    """Written apart from the code under test."""
    return np.where(display > 0.04045, ((display + 0.055) / 1.055) ** 2.4, display / 12.92)


@dataclass(frozen=True)
class FakeFrame:
    """Display-encoded pictures and radii that the fake passes shall hold."""

    beauty: np.ndarray
    background: np.ndarray
    matte: np.ndarray
    coc: np.ndarray
    coc_subject: np.ndarray
    coc_background: np.ndarray


Change = Callable[[FakeFrame], FakeFrame]


def perfect(truth):
    return FakeFrame(
        beauty=truth.sharp,
        background=truth.clean,
        matte=truth.alpha,
        coc=truth.coc,
        coc_subject=truth.coc_subject,
        coc_background=truth.coc_background,
    )


def fake_channels(fake, layer_names):
    colour, background = decode_srgb(fake.beauty), decode_srgb(fake.background)
    channels = {
        "alpha.A": fake.matte,
        "coc.X": fake.coc,
        "fg_coc.X": fake.coc_subject,
        "bg_coc.X": fake.coc_background,
    }
    for index, name in enumerate("RGB"):
        channels[name] = colour[..., index]
        channels[f"bg.{name}"] = background[..., index]
    return {
        definition: np.stack(
            [
                channels.get(name, np.zeros_like(fake.matte)).astype(np.float32)
                for name in definition.channels
            ],
            -1,
        )
        for definition in pass_table(layer_names, coc_signed=True)
    }


@pytest.fixture
def decode():
    return decode_srgb


@pytest.fixture
def bake_fake(tmp_path):
    """A function that writes a folder of passes made from the market clip's truth."""

    def bake(change: Change = lambda fake: fake, *, frames=(1, 2, 10), layers=("fg", "bg"), **json):
        folder = tmp_path / "passes"
        folder.mkdir(exist_ok=True)
        truth = open_truth(MARKET)
        passes = Passes(
            layers=tuple(
                LayerEntry(name, f"atlas_{name}.exr", 8, 8, name == layers[-1]) for name in layers
            ),
            frames=tuple(frames),
            file_pattern="shot.####.exr",
            width=256,
            height=144,
            rate="24/1",
            colorspace="lin_rec709_srgb",
            coc_signed=True,
        )
        passes = replace(passes, **json)
        for frame in frames:
            if frame in truth.frames:
                source = truth.read(frame)
            planes = [
                Plane(
                    name=definition.name,
                    data=data,
                    channels=definition.channels,
                    half=definition.half,
                )
                for definition, data in fake_channels(change(perfect(source)), layers).items()
            ]
            path = folder / passes.file_name(frame)
            write_exr(path, planes, metadata=exr_metadata(passes))
        write_passes_json(folder / JSON_NAME, passes)
        return folder

    return bake
