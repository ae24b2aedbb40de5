# SPDX-License-Identifier: Apache-2.0
"""Marks on single frames in a job: pictures are paths that the farm maps, boxes are text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pullfocus.farm.openjd import Parameter
from pullfocus.farm.options import IMAGES

__all__ = ["JobMark", "guessed", "mark_files"]


@dataclass(frozen=True)
class JobMark:
    """A key, a box or strokes on one frame."""

    kind: str
    """key, box or scribble."""
    layer: str
    frame: int
    value: str
    """A picture, or a box as text."""

    @property
    def argument(self) -> str:
        """How Solve is told of it."""
        value = self.value if self.kind == "box" else f"{{{{Param.{self._name}}}}}"
        return f"--{self.kind}={self.layer}:{self.frame}={value}"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its picture as a job parameter; a box has none."""
        if self.kind == "box":
            return ()
        return (
            Parameter(
                name=self._name,
                value=os.path.abspath(os.path.expanduser(self.value)),  # noqa: PTH100, PTH111
                kind="PATH",
                label=f"{self.kind.capitalize()} of {self.layer}, frame {self.frame}",
                group="Footage",
                description=f"Followed through all frames as the matte of the layer {self.layer}.",
                flow="IN",
                filters=IMAGES,
            ),
        )

    @property
    def _name(self) -> str:
        frame = str(self.frame).replace("-", "minus")
        return f"{self.kind.capitalize()}_{self.layer}_{frame}"


def guessed(layers: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments for layers whose subject is guessed."""
    return tuple(f"--auto={layer}" for layer in layers)


def mark_files(marks: Sequence[JobMark]) -> tuple[str, ...]:
    """Return the pictures that marks name, absolute."""
    return tuple(str(one.value) for mark in marks for one in mark.parameters)
