# SPDX-License-Identifier: Apache-2.0
"""What a CUDA device does for pullfocus: checked, timed, held against torch and the card's limits.

    python benchmarks/gpu.py [CLIP ...] [--out DIR] [--rows draft,standard] [--no-tests]

Three parts, each a table: the tests of the lens blur on the card; the lens blur at 1920x1080 RGBA,
radius growing from left to right, against plain torch on the card, the native kernel on this
machine's CPU, and what the card can do at most (multiply-adds of a large float32 product, bytes of
a large copy); whole solves of clips with truth, `--device cuda` beside `--device cpu`. Kernels are
built before anything is timed. Without a card it says so and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lens_blur_scene import ramp, taps, test_frame
from solve_table import HERE, pullfocus

from cuda_lensblur import kernel_info, reference, scatter_blur
from cuda_lensblur.specs import kernel_of, spec_of

SIZE = (1920, 1080)
RAMPS_PX = (16, 32)
CROP = (96, 64)
"""What is checked in float64, all pairs of pixels."""
CLIP = Path(__file__).parents[1] / "tests" / "clips" / "market"


def on_card(run: Callable[[], object], most: int = 20, budget_s: float = 3.0) -> float:
    """Median milliseconds on the card's own clock, after a first run that does not count."""
    run()
    found: list[float] = []
    while len(found) < most and sum(found) < 1e3 * budget_s:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        found.append(begin.elapsed_time(end))
    return statistics.median(found)


def on_cpu(run: Callable[[], object]) -> float:
    """Median milliseconds by the clock, of three after a first."""
    found = []
    for _ in range(4):
        began = time.perf_counter()
        run()
        found.append(1e3 * (time.perf_counter() - began))
    return statistics.median(found[1:])


def limits() -> tuple[float, float]:
    """Multiply-adds and bytes (read and written) a second, as the card does them at best."""
    torch.backends.cuda.matmul.allow_tf32 = False
    a = torch.rand(8192, 8192, device="cuda")
    product = on_card(lambda: a @ a)
    source = torch.empty(2**29, device="cuda")  # 2 GiB
    target = torch.empty_like(source)
    copied = on_card(lambda: target.copy_(source))
    return 8192**3 / product * 1e3, 2 * source.nbytes / copied * 1e3


def blurred(
    frame: torch.Tensor, radius: torch.Tensor
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Forward, and forward with both gradients."""
    image, radii = frame.clone().requires_grad_(), radius.clone().requires_grad_()
    cotangent = torch.ones_like(frame)

    def both() -> object:
        return torch.autograd.grad(scatter_blur(image, radii), (image, radii), cotangent)

    return lambda: scatter_blur(frame, radius), both


def worst_error(frame: torch.Tensor, radius: torch.Tensor) -> float:
    """Largest error of the card's blur and gradients on a crop, as a share of the largest value."""
    across, down = CROP
    rows = slice(0, down), slice(radius.shape[1] - across, None)
    image, radii = frame[(slice(None), *rows)].contiguous(), radius[rows].contiguous()
    # at random: an even one leaves nothing of the gradient in the radius but rounding
    cotangent = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))

    def values(image: torch.Tensor, radii: torch.Tensor, given: torch.Tensor) -> list[torch.Tensor]:
        image, radii = image.clone().requires_grad_(), radii.clone().requires_grad_()
        out = scatter_blur(image, radii)
        return [out.detach(), *torch.autograd.grad(out, (image, radii), given)]

    found = values(*(t.cuda() for t in (image, radii, cotangent)))
    exact = values(*(t.double() for t in (image, radii, cotangent)))  # the reference, on the CPU
    return max(
        float((a.cpu().double() - b).abs().max() / b.abs().max())
        for a, b in zip(found, exact, strict=True)
    )


def plain_torch(frame: torch.Tensor, radius: torch.Tensor) -> Callable[[], object]:
    """The definition in torch operations, on the card."""
    kernel = kernel_of(spec_of("soap_bubble", beta=2.0, calibrated=True))
    return lambda: reference.forward(frame[None], radius[None], kernel)


def blur_table(peak: float, bandwidth: float) -> list[str]:
    """Return the rows of the lens blur, as Markdown."""
    frame = torch.from_numpy(test_frame(*SIZE)).permute(2, 0, 1).contiguous()
    lines = [
        "| radius px | pass | card ms | CPU ms | CPU / card | torch on the card ms | torch / card"
        " | G taps/s | % of peak | % of copy rate | worst error |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for most in RAMPS_PX:
        radius = torch.from_numpy(ramp(*SIZE, most))
        error = worst_error(frame, radius)
        held, radii = frame.cuda(), radius.cuda()
        plain = on_card(plain_torch(held, radii), most=2)
        pairs = zip(blurred(held, radii), blurred(frame, radius), strict=True)
        for name, (card, cpu) in zip(("forward", "forward + backward"), pairs, strict=True):
            here, there = on_card(card), on_cpu(cpu)
            # backward adds the light and its slope: twice the multiply-adds
            work = taps(radius.numpy(), 4) * (1 if name == "forward" else 3)
            moved = frame.nbytes * (2 if name == "forward" else 5)
            ratio = f"{plain:.0f} | {plain / here:.0f}" if name == "forward" else "|"
            lines.append(
                f"| 0..{most} | {name} | {here:.2f} | {there:.0f} | {there / here:.0f} | {ratio}"
                f" | {work / here / 1e6:.0f} | {100 * work / here * 1e3 / peak:.0f}"
                f" | {100 * moved / here * 1e3 / bandwidth:.1f} | {error:.1e} |"
            )
            print(lines[-1], flush=True)
    return lines


def solve_rows(clips: list[Path], qualities: list[str], out: Path) -> list[str]:
    """Solve clips on the card and on the CPU; returns the rows, as Markdown."""
    lines = [
        "| clip | quality | device | solve s | CPU s | gain dB | GB of memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for clip in clips:
        for quality in qualities:
            for device in ("cuda", "cpu"):
                folder = out / clip.name / f"{quality}_{device}"
                folder.mkdir(parents=True, exist_ok=True)
                log, solve, passes = folder / "log.txt", folder / "x.solve", folder / "passes"
                words = [str(clip / "plate.####.png"), "--matte", f"fg={clip / 'alpha.####.png'}"]
                words += ["--quality", quality, "--device", device, "--restart"]
                cost = pullfocus(log, HERE, "solve", *words, "--out", str(solve))
                pullfocus(log, HERE, "bake", str(solve), "--no-regrain", "--out", str(passes))
                pullfocus(
                    log, HERE, "evaluate", str(passes), "--truth", str(clip), "--out", str(folder)
                )
                gain = json.loads((folder / "report.json").read_text())["gain_db"]
                lines.append(
                    f"| {clip.name} | {quality} | {device} | {cost.seconds:.1f}"
                    f" | {cost.cpu_seconds:.0f} | {gain:+.2f} | {cost.memory_gb:.1f} |"
                )
                print(lines[-1], flush=True)
    return lines


def tests() -> str:
    """Run the tests of the lens blur, those for a card too; returns pytest's last line."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "tests/cuda_lensblur"]
    run = subprocess.run(
        command, cwd=root, env=HERE.environment(), capture_output=True, text=True, check=False
    )
    if run.returncode:
        print(run.stdout[-6000:], run.stderr[-2000:])
    return run.stdout.strip().splitlines()[-1] if run.stdout.strip() else run.stderr[-300:]


def main() -> int:
    """Print the tables and write them to gpu.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path, default=[CLIP], help="with truth")
    parser.add_argument("--rows", default="draft,standard", help="qualities of the solves")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--no-tests", action="store_true")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("expected a CUDA device, torch finds none; see: pullfocus doctor")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    scatter_blur(torch.rand(4, 64, 64).cuda(), torch.rand(64, 64).cuda())  # builds both kernels
    scatter_blur(torch.rand(4, 64, 64), torch.rand(64, 64))
    peak, bandwidth = limits()
    lines = [
        "# pullfocus on a GPU",
        "",
        f"{time.strftime('%Y-%m-%d')}, {torch.cuda.get_device_name()}, torch {torch.__version__};"
        f" {platform.machine()}, {os.cpu_count()} cores; {kernel_info()}",
        f"Limits measured: {peak / 1e12:.1f} T multiply-adds/s, {bandwidth / 1e12:.2f} TB/s.",
    ]
    print("\n".join(lines), flush=True)
    if not options.no_tests:
        lines += ["", f"Tests: {tests()}"]
        print(lines[-1], flush=True)
    lines += ["", *blur_table(peak, bandwidth)]
    with tempfile.TemporaryDirectory() as scratch:
        lines += ["", *solve_rows(options.clips, options.rows.split(","), Path(scratch))]
    (options.out / "gpu.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
