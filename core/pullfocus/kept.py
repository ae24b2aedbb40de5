# SPDX-License-Identifier: Apache-2.0
"""What follows from a solve and takes seconds to work out: once, then read from its folder."""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pullfocus import checkpoint
from pullfocus.errors import SolveError

__all__ = ["KEPT", "Keep"]

KEPT = ("virtual_lens.safetensors", "layer_depths.safetensors", "used_texels.safetensors")
"""Files that may lie in a solve folder."""

Made = tuple[Mapping[str, torch.Tensor], Mapping[str, Any]]


@dataclass(frozen=True)
class Keep:
    """Where results of one state of a solve are kept."""

    folder: Path
    """The solve folder; where it may only be read, results are worked out each time."""
    made_from: str
    """`frames.existing.origin` of the solve: another state finds nothing of this one."""

    def of(self, name: str, make: Callable[[], Made]) -> Made:
        """Return tensors and facts that JSON can hold, kept or made anew.

        Args:
            name: of the file, one of `KEPT`.
            make: works them out.
        """
        path = self.folder / name
        with contextlib.suppress(SolveError):  # missing, damaged, or of a later version
            if checkpoint.load_meta(path).get("made_from") == self.made_from:
                return checkpoint.load(path)
        tensors, facts = make()
        if os.access(self.folder, os.W_OK):
            with contextlib.suppress(SolveError):  # a full disk
                checkpoint.save(path, tensors, {**facts, "made_from": self.made_from})
        return tensors, facts
