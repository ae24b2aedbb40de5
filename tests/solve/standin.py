# SPDX-License-Identifier: Apache-2.0
"""A small shot, observation and solver for tests of the runner: a real optimisation, in miniature.

They follow the interfaces of the real ones and have no attribute beyond them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from pullfocus.errors import PlateError
from pullfocus.model.formation import LayerFrame
from pullfocus.model.grid import Box
from pullfocus.model.settings import ModelSettings
from pullfocus.shot import Shot

WIDTH, HEIGHT, COUNT = 48, 32, 5


@dataclass(frozen=True)
class Settings:
    steps: int = 60
    seed: int = 0
    texture_steps: int = 0
    delay_s: float = 0.0
    coc: str = "any"
    ends_early: bool = True
    start: str = "fusion"
    proxy: int = 0
    model: ModelSettings = ModelSettings()  # noqa: RUF009 - frozen


class Source:
    def __init__(self, value: float = 0.5, *, fails: bool = False) -> None:
        self._value = value
        self._fails = fails

    def read(self, index: int) -> np.ndarray:
        if self._fails:
            raise PlateError(f"frame {1001 + index} is truncated")
        return np.full((HEIGHT, WIDTH, 3), self._value, np.float32)

    def describe(self) -> str:
        return "stand-in plate"

    def fingerprint(self) -> str:
        return f"stand-in {self._value}"


def make_shot(value: float = 0.5, *, fails: bool = False) -> Shot:
    return Shot(
        name="toy",
        frames=tuple(range(1001, 1001 + COUNT)),
        width=WIDTH,
        height=HEIGHT,
        rate=Fraction(24),
        pixel_aspect=1.0,
        colorspace="lin_rec709_srgb",
        plate=Source(value, fails=fails),
        notes=("plate: taken as sRGB",),
    )


class Observed:
    layer_names = ("fg", "bg")
    width, height = WIDTH, HEIGHT

    def __init__(self, shot: Shot) -> None:
        self.frames = shot.frames
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        self._picture = np.stack([x / WIDTH, y / HEIGHT, 0.5 + 0.3 * np.sin(x)], -1)

    def plate_display(self, t: int, level: int = 0) -> np.ndarray:
        return np.roll(self._picture, 3 * t, 1)[:: 2**level, :: 2**level]


def observe(shot, cache_dir, settings, *, report):
    cache_dir.mkdir(parents=True, exist_ok=True)
    for t in range(len(shot.frames)):
        shot.plate.read(t)
        report("reading plate", (t + 1) / len(shot.frames))
    return Observed(shot)


class Model:
    """A texture and a box that stands before it."""

    layer_names = ("fg", "bg")

    def __init__(self) -> None:
        self.texture = torch.nn.Parameter(torch.zeros(3, HEIGHT, WIDTH))

    def frame_box(self, level: int = 0) -> Box:
        return Box(0, 0, WIDTH >> level, HEIGHT >> level, level)

    def frame(self, t: int, *, level: int = 0, overscan: bool = True) -> list[LayerFrame]:
        whole, small = self.frame_box(level), Box(8 + 3 * t, 6, 14, 18, level)
        return [_layer("fg", small, 2.0 + t), _layer("bg", whole, 0.5)]

    def sharp(self, t: int, level: int = 0) -> torch.Tensor:
        return torch.sigmoid(self.texture).roll(3 * t, 2) ** 2.2

    def reblur(self, t: int, level: int = 0) -> torch.Tensor:
        return self.sharp(t, level)


def _layer(name: str, box: Box, radius: float) -> LayerFrame:
    shape = (box.height, box.width)
    return LayerFrame(
        name,
        box,
        torch.zeros(3, *shape),
        torch.ones(1, *shape),
        torch.zeros(2, *shape),
        torch.full(shape, radius),
    )


@dataclass(frozen=True)
class StepReport:
    step: int
    terms: dict[str, float]
    loss: float
    psnr_reblur: float


class Solver:
    """Fits the texture to random frames with Adam and a decay that depends on the plan."""

    def __init__(self, observed, settings, *, device: str = "cpu") -> None:
        self._observed = observed
        self._settings = settings
        self.step_index = 0
        self.total_steps = settings.steps
        self.model = Model()
        self._adam = torch.optim.Adam([self.model.texture], lr=0.1)
        self._random = torch.Generator().manual_seed(settings.seed)

    @property
    def finished(self) -> bool:
        return self.step_index >= self.total_steps

    def plan(self, *, steps: int) -> None:
        self.total_steps = steps

    def settle(self) -> None:
        """Nothing is left."""

    def step(self) -> StepReport:
        time.sleep(self._settings.delay_s)
        t = int(torch.randint(len(self._observed.frames), (1,), generator=self._random))
        plate = torch.from_numpy(self._observed.plate_display(t).copy()).permute(2, 0, 1)
        self._adam.param_groups[0]["lr"] = 0.1 * (1 - self.step_index / (self.total_steps + 1))
        loss = (self.model.sharp(t) - plate).abs().mean()
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        self.step_index += 1
        value = loss.item()
        return StepReport(self.step_index, {"l1": value}, value, 20.0 + self.step_index)

    def state(self) -> dict[str, torch.Tensor]:
        moments = self._adam.state_dict()["state"].get(0, {})
        return {
            "texture": self.model.texture,
            "step": torch.tensor([self.step_index, self.total_steps]),
            "random": self._random.get_state(),
            **{f"adam.{name}": value for name, value in moments.items()},
        }

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        self.step_index, self.total_steps = map(int, tensors["step"])
        self._random.set_state(tensors["random"])
        with torch.no_grad():
            self.model.texture.copy_(tensors["texture"])
        state = self._adam.state_dict()
        moments = {k[5:]: v for k, v in tensors.items() if k.startswith("adam.")}
        self._adam.load_state_dict({**state, "state": {0: moments} if moments else {}})


class DivergingSolver(Solver):
    def step(self) -> StepReport:
        report = super().step()
        if self.step_index < 10:
            return report
        return StepReport(report.step, {"l1": float("nan")}, float("nan"), 0.0)
