# SPDX-License-Identifier: Apache-2.0
"""Where to compute."""

from pullfocus.errors import PullfocusError

__all__ = ["check_device"]


def check_device(name: str) -> None:
    """Check that torch finds the device, "cpu" or "cuda".

    Raises:
        PullfocusError: it does not.
    """
    if name not in ("cpu", "cuda"):
        raise PullfocusError(f"expected the device cpu or cuda, got {name!r}")
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise PullfocusError(
                "expected a CUDA device for --device cuda, torch finds none; see: pullfocus doctor"
            )
