# SPDX-License-Identifier: Apache-2.0
"""A network in an ONNX file as a way to find mattes; wants onnxruntime.

Its first input is a frame (1, 3, h, w), RGB 0..1. A second one, if it has it, is (1, 1, h, w): the
matte of the neighbour nearer to a key. Its first output is the matte (1, 1, h, w). Where the file
leaves h and w open, frames are given at full size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pullfocus.errors import MatteError

if TYPE_CHECKING:
    from pullfocus.roto.tool import LayerMarks, MatteMethod

__all__ = ["onnx_method"]


def onnx_method(path: Path) -> MatteMethod:
    """Load a network.

    Raises:
        MatteError: no onnxruntime, no file, or a network of another form.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MatteError(
            "--matte-model: an ONNX file wants onnxruntime: pip install onnxruntime"
        ) from error
    if not path.is_file():
        raise MatteError(f"--matte-model: expected an ONNX file, found none at {path}")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no other base
        first = str(error).strip().splitlines()[0]
        raise MatteError(f"--matte-model: {path} is no network: {first}") from error
    inputs = session.get_inputs()
    if not 1 <= len(inputs) <= 2 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
        raise MatteError(
            f"--matte-model: {path}: expected an input (1, 3, h, w) and perhaps (1, 1, h, w), got "
            + ", ".join(str(one.shape) for one in inputs)
        )

    def method(
        frames: Sequence[np.ndarray], marks: LayerMarks, report: Callable[[float], None]
    ) -> list[np.ndarray]:
        if len(inputs) > 1 and not marks.keys:
            raise MatteError(f"--matte-model: {path} goes on from a key: expected --key, got none")
        known = dict(marks.keys)
        order = sorted(
            range(len(frames)), key=lambda t: min((abs(t - k) for k in known), default=t)
        )
        found: dict[int, np.ndarray] = {}
        for done, t in enumerate(order, 1):
            if t in known:
                found[t] = known[t]
            else:
                near = min(found, key=lambda n: abs(n - t), default=None)
                found[t] = _one(session, inputs, frames[t], None if near is None else found[near])
            report(done / len(order))
        return [found[t] for t in range(len(frames))]

    return method


def _one(session: Any, inputs: Any, frame: np.ndarray, prior: np.ndarray | None) -> np.ndarray:
    height, width = frame.shape[:2]
    rows, columns = (
        side if isinstance(side, int) else own
        for side, own in zip(inputs[0].shape[2:], (height, width), strict=True)
    )
    size = (columns, rows)
    picture = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    given: dict[str, np.ndarray] = {inputs[0].name: picture.transpose(2, 0, 1)[None]}
    if len(inputs) > 1 and prior is not None:
        small = cv2.resize(prior.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        given[inputs[1].name] = small[None, None]
    try:
        matte = np.asarray(session.run(None, given)[0], np.float32)
    except Exception as error:  # its exceptions share no other base
        first = str(error).strip().splitlines()[0]
        raise MatteError(f"--matte-model: the network failed: {first}") from error
    if matte.size != rows * columns:
        raise MatteError(
            f"--matte-model: expected an output (1, 1, {rows}, {columns}), got {matte.shape}"
        )
    matte = matte.reshape(rows, columns)
    return cv2.resize(matte.clip(0, 1), (width, height), interpolation=cv2.INTER_LINEAR)
