# SPDX-License-Identifier: Apache-2.0
"""RAFT flow (Teed and Deng 2020), as the paper takes it, where torchvision and its weights are.

Nothing is downloaded: put torchvision's own file into torch's hub folder. Otherwise DIS serves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pullfocus.errors import SolveError
from pullfocus.observe.flow import FlowMethod

__all__ = ["flow_method"]

_WEIGHTS = "raft_large_C_T_SKHT_V2-ff5fadd5.pth"
_LEAST_SIDE = 128  # px; its correlation pyramid needs that much


def flow_method(name: str, device: str = "cpu") -> tuple[FlowMethod | None, str]:
    """Return a flow method by name, and a line for the user.

    Args:
        name: "dis", "raft", or "auto": RAFT if it is there.
        device: where RAFT computes.

    Returns:
        None for DIS, which is built in; the line is empty where there is nothing to say.

    Raises:
        SolveError: "raft" was asked for and is not there.
    """
    if name == "dis":
        return None, ""
    missing = _missing()
    if not missing:
        return _raft(device), "flow: RAFT"
    if name == "raft":
        raise SolveError(f"expected RAFT for the flow, got none: {missing}")
    return None, f"flow: DIS, since there is no RAFT ({missing})"


def _weights_path() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _WEIGHTS


def _missing() -> str:
    """What RAFT lacks; empty if nothing."""
    try:
        import torchvision.models.optical_flow  # noqa: F401
    except ImportError:
        return "torchvision is not installed"
    except RuntimeError as error:  # built for another torch: its operators do not load
        return f"torchvision does not fit this torch: {str(error).splitlines()[0]}"
    path = _weights_path()
    return "" if path.is_file() else f"its weights are not at {path}"


def _raft(device: str) -> FlowMethod:
    import torch
    from torch.nn.functional import interpolate, pad
    from torchvision.models.optical_flow import raft_large

    network = raft_large(weights=None)
    network.load_state_dict(torch.load(_weights_path(), map_location="cpu", weights_only=True))
    network = network.eval().requires_grad_(False).to(device)

    def flow(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        height, width = source.shape[:2]
        scale = max(1.0, _LEAST_SIDE / min(height, width))
        rows, columns = round(height * scale), round(width * scale)
        border = (0, -columns % 8, 0, -rows % 8)

        def prepared(frame: np.ndarray) -> torch.Tensor:
            planes = torch.from_numpy(np.asarray(frame, np.float32).clip(0, 1) * 2 - 1)
            planes = planes.permute(2, 0, 1)[None].to(device)
            if scale > 1:
                planes = interpolate(planes, (rows, columns), mode="bilinear")
            return pad(planes, border, mode="replicate")

        found = network(prepared(source), prepared(target))[-1][..., :rows, :columns]
        if scale > 1:
            ratio = found.new_tensor([width / columns, height / rows])[:, None, None]
            found = interpolate(found, (height, width), mode="bilinear") * ratio
        return np.asarray(found[0].permute(1, 2, 0).cpu().numpy(), np.float32)

    return flow
