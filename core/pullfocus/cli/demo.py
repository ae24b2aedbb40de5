# SPDX-License-Identifier: Apache-2.0
"""The demo: the bundled clip through solve, bake and evaluate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus.errors import PullfocusError

if TYPE_CHECKING:
    from pullfocus.progress import Progress
    from pullfocus.solve.run import SolveOutcome

__all__ = ["demo_clip", "run_demo"]


def demo_clip() -> Path:
    """Where the bundled clip lies in a checkout.

    Raises:
        PullfocusError: pullfocus was installed without its source.
    """
    clip = Path(__file__).parents[3] / "tests" / "clips" / "market"
    if not clip.is_dir():
        raise PullfocusError(f"expected the demo clip of a source checkout at {clip}, found none")
    return clip


def run_demo(out: Path, settings: Any, *, progress: Progress) -> SolveOutcome | None:
    """Solve, bake and measure the bundled clip, and say what was gained.

    Args:
        out: folder for everything that is made; an unfinished demo in it goes on.
        settings: SolveSettings.
        progress: told about everything; its `done` says plate dB, result dB and the picture.

    Returns:
        None, or how the solve was stopped.
    """
    from pullfocus.bake.bake import bake
    from pullfocus.evaluate.report import evaluate
    from pullfocus.solve.inputs import ShotInputs
    from pullfocus.solve.run import run_solve

    began = time.monotonic()
    clip = demo_clip()
    rough = (clip / "matte.0001.png").exists()
    matte = clip / ("matte.####.png" if rough else "alpha.####.png")
    inputs = ShotInputs(plate=str(clip / "plate.####.png"), mattes=(("fg", str(matte)),))
    folder = out / "market.solve"
    outcome = run_solve(inputs.open(), folder, settings, inputs=inputs, progress=progress)
    if outcome.stop_signal is not None:
        return outcome
    passes = out / "passes"
    bake(folder, passes, progress=progress)
    report = evaluate(passes, clip, out / "report")
    progress.done(
        f"{report.table()}\n"
        f"plate {report.plate_psnr:.1f} dB, result {report.psnr:.1f} dB: "
        f"{report.psnr - report.plate_psnr:+.1f} dB in {time.monotonic() - began:.0f} s\n"
        f"picture: {report.picture}",
        plate_psnr=report.plate_psnr,
        psnr=report.psnr,
        picture=str(report.picture),
    )
    return None
