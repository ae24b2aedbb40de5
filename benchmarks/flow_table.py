# SPDX-License-Identifier: Apache-2.0
"""Optical flow read off a solve's atlases against flow measured on the plate (paper, Table 5).

    python benchmarks/flow_table.py X.solve CLIP [--paper] [--raft]

Mean end-point error in px over every start frame, where the clip's truth knows the answer: its flow
from frame to frame is chained, and a point is dropped for good when it leaves the frame or passes
behind something. All methods are scored on the same points. DIS is OpenCV's, medium, straight from
one plate to the other, or from one of the solve's sharp frames to the other. ``--raft`` adds
torchvision's RAFT, if it and its weights are here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from pullfocus.errors import SolveError
from pullfocus.evaluate.truth import TruthClip, open_truth
from pullfocus.flow.uv import Flow, shot_flow
from pullfocus.model.shot_model import ShotModel
from pullfocus.observe.raft import flow_method
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import read_exr
from pullfocus.solve.solved import load_solve

FlowBetween = Callable[[int, int], np.ndarray]
_SAME_SURFACE = 0.1  # a subject's matte along a path: at its edge nobody knows


def true_motion(clip: TruthClip, number: int) -> np.ndarray:
    """Return the clip's own flow to the next frame, (h, w, 2) px, x right, y down."""
    channels = read_exr(clip.path("truth", number))
    return np.dstack([channels["flow.X"], channels["flow.Y"]]).astype(np.float32)


def looked_up(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sample bilinearly at pixel centres; nothing outside."""
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderValue=float("nan")))


def truth_paths(
    clip: TruthClip, start: int, count: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Follow every pixel of a frame: flow to each of the next frames, and whether it is known."""
    alpha = [np.float32(clip.read(n).alpha) for n in clip.frames[start : start + count + 1]]
    height, width = alpha[0].shape
    y0, x0 = np.mgrid[:height, :width].astype(np.float32)
    x, y, flows, known = x0.copy(), y0.copy(), [], []
    clear = (alpha[0] < _SAME_SURFACE) | (alpha[0] > 1 - _SAME_SURFACE)
    for step in range(count):
        moved = looked_up(true_motion(clip, clip.frames[start + step]), x, y)
        x, y = x + moved[..., 0], y + moved[..., 1]
        inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
        surface = looked_up(alpha[step + 1], x, y)
        clear &= inside & (np.abs(surface - alpha[0]) < _SAME_SURFACE)
        flows.append(np.dstack([x - x0, y - y0]))
        known.append(clear.copy())
    return flows, known


def dis_between(frames: list[np.ndarray]) -> FlowBetween:
    """Flow by OpenCV's DIS between display-encoded frames (h, w, 3)."""
    grey = [
        cv2.cvtColor((f.clip(0, 1) * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)
        for f in frames
    ]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return lambda t, to: np.asarray(dis.calc(grey[t], grey[to], None))


def raft_between(frames: list[np.ndarray]) -> FlowBetween:
    """Flow by torchvision's RAFT.

    Raises:
        SolveError: it is not here.
    """
    method, _ = flow_method("raft")
    assert method is not None
    return lambda t, to: method(frames[t], frames[to])


@torch.no_grad()
def sharp_frames(model: ShotModel) -> list[np.ndarray]:
    """Return the solve's sharp frames, display-encoded (h, w, 3)."""
    count = len(model.observed.frames)
    return [
        linear_to_display(model.sharp(t).permute(1, 2, 0).numpy()).clip(0, 1) for t in range(count)
    ]


class Score:
    """Mean end-point error and how much of the truth was scored."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, flow: np.ndarray, truth: np.ndarray, where: np.ndarray) -> None:
        """Add one pair of frames."""
        self.total += float(np.linalg.norm(flow - truth, axis=-1)[where].sum())
        self.count += int(where.sum())

    @property
    def mean(self) -> float:
        """Mean error, px."""
        return self.total / max(1, self.count)


class Hidden:
    """How well a pixel's being hidden elsewhere is told: share of known points called hidden."""

    def __init__(self) -> None:
        self.wrong, self.count = 0, 0

    def add(self, flow: Flow, known: np.ndarray) -> None:
        """Add one pair of frames."""
        self.wrong += int(flow.hidden[known].sum())
        self.count += int(known.sum())


def measure(
    model: ShotModel,
    clip: TruthClip,
    intervals: list[int],
    methods: dict[str, FlowBetween],
    every: int,
) -> list[str]:
    """Return one line of the table for every interval."""
    frames = len(clip.frames)
    scores = {i: {name: Score() for name in ("atlas", *methods)} for i in intervals}
    hidden = {i: Hidden() for i in intervals}
    for t in range(0, frames - min(intervals), every):
        paths, known = truth_paths(clip, t, min(max(intervals), frames - 1 - t))
        for interval in intervals:
            if t + interval >= frames:
                continue
            truth, where = paths[interval - 1], known[interval - 1]
            ours = shot_flow(model, t, t + interval)
            scores[interval]["atlas"].add(ours.px, truth, where)
            hidden[interval].add(ours, where)
            for name, between in methods.items():
                scores[interval][name].add(between(t, t + interval), truth, where)
    lines = []
    for interval, row in scores.items():
        ours, dis = row["atlas"].mean, row["DIS"].mean
        cells = [clip.folder.name, str(interval), *(f"{s.mean:.2f}" for s in row.values())]
        wrongly = 100 * hidden[interval].wrong / max(1, hidden[interval].count)
        cells += [f"{100 * (1 - ours / dis):+.0f} %", f"{wrongly:.1f} %"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("solve", type=Path, metavar="X.solve")
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("--intervals", default="1,3,5,7,9")
    parser.add_argument("--every", type=int, default=1, help="score every n-th start frame")
    parser.add_argument("--paper", action="store_true", help="add Eq. 5 and 6, interpolated")
    parser.add_argument("--raft", action="store_true", help="add RAFT (torchvision)")
    given = parser.parse_args()
    intervals = [int(i) for i in given.intervals.split(",")]
    _, model = load_solve(given.solve)
    clip = open_truth(given.clip)
    plates = [clip.read(number).plate for number in clip.frames]
    methods = {"DIS": dis_between(plates), "DIS on sharp": dis_between(sharp_frames(model))}
    if given.paper:
        methods["paper"] = lambda t, to: shot_flow(model, t, to, interpolated=True).px
    if given.raft:
        try:
            methods["RAFT"] = raft_between(plates)
        except SolveError as error:
            parser.error(f"--raft: {error}")
    names = " | ".join(["clip", "interval", *(f"{m} px" for m in ("atlas", *methods))])
    print(f"| {names} | gain on DIS | seen, called hidden |")
    print("|---" * (5 + len(methods)) + "|", flush=True)
    for line in measure(model, clip, intervals, methods, given.every):
        print(line)


if __name__ == "__main__":
    main()
