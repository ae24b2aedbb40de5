# SPDX-License-Identifier: Apache-2.0
"""The lens blur against Blender's: seconds, ratios, memory and agreement in one table.

    python benchmarks/lens_blur.py [--out DIR] [--quick] [--no-blender]

A scene-linear RGBA frame of 1920x1080, blurred by a radius that grows from left to right, on all
cores. Blender's nodes run in the Python of bpy (``make blender``); what they make of a radius is
told in blender_defocus.py. Run it on an idle machine: a row whose CPU seconds show that it
had not all cores says so, and its ratios are worth little.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lens_blur_agreement import agreement
from lens_blur_scene import ramp, taps, test_frame, write_exr

from cuda_lensblur import kernel_info, scatter_blur
from cuda_lensblur.build import find_compiler

FULL_SIZE = (1920, 1080)
RAMPS_PX = (16, 32)
BLENDER_LIMIT_S = 300
BLENDER_BUDGET_S = 20
BUSY_SHARE = 0.7
REFERENCE_ROWS = 16
FASTER_THAN_DEFOCUS = {16: 12.0, 32: 30.0}
BACKWARD_LIMIT = 3.0
MEMORY_LIMIT_FRAMES = 6.0
HERE = Path(__file__).parent
BPY_PYTHON = HERE.parent / ".venv-bpy" / "bin" / "python"


@dataclass(frozen=True)
class Cost:
    """What one run takes: medians, or a lower bound."""

    seconds: float
    cpu_seconds: float
    runs: int
    note: str = ""
    at_least: bool = False

    def had_all_cores(self) -> bool:
        """Return whether the run got most of the machine, so that its wall time counts."""
        return not self.cpu_seconds < BUSY_SHARE * torch.get_num_threads() * self.seconds


def timed(run: Callable[[], object], budget_s: float = 10, most: int = 15) -> Cost:
    """Run at least once, at most ``most`` times, starting none after the budget is spent."""
    walls: list[float] = []
    cpus: list[float] = []
    while len(walls) < most and sum(walls) < budget_s:
        began, cpu_began = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - cpu_began)
    return Cost(statistics.median(walls), statistics.median(cpus), len(walls))


def tensors(image: np.ndarray, radius: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the frame as (4, H, W) and (H, W) tensors."""
    return torch.from_numpy(image).permute(2, 0, 1).contiguous(), torch.from_numpy(radius)


def time_ours(image: np.ndarray, radius: np.ndarray) -> tuple[Cost, Cost]:
    """Return what forward and backward (to both inputs) take."""
    frame, radii = tensors(image, radius)
    scatter_blur(frame[:, :64], radii[:64])  # builds the library and the table
    forward = timed(lambda: scatter_blur(frame, radii))
    frame.requires_grad_()
    radii.requires_grad_()
    out = scatter_blur(frame, radii)
    cotangent = torch.rand_like(out)
    backward = timed(lambda: torch.autograd.grad(out, (frame, radii), cotangent, retain_graph=True))
    return forward, backward


def run_blender(
    node: str, source: Path, target: Path, max_radius_px: float, size: tuple[int, int]
) -> Cost:
    """Run a node of Blender's compositor on an EXR; stopped after `BLENDER_LIMIT_S`."""
    command = [BPY_PYTHON, HERE / "blender_defocus.py", source, target, "--node", node]
    command += ["--size", *size, "--max-radius", max_radius_px, "--budget", BLENDER_BUDGET_S]
    log = target.with_suffix(".log")
    with log.open("w") as stream:
        try:
            subprocess.run(
                [str(word) for word in command],
                stdout=stream,
                stderr=stream,
                timeout=BLENDER_LIMIT_S,
                check=True,
            )
        except subprocess.TimeoutExpired:
            pass
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"Blender failed, see {log}:\n{log.read_text()}") from error
    lines = [json.loads(s) for s in log.read_text().splitlines() if s.startswith('{"seconds"')]
    if not lines:
        bound = float(BLENDER_LIMIT_S)
        return Cost(bound, float("nan"), 0, f"stopped at {bound:g} s", at_least=True)
    seconds, cpu = (statistics.median(x[key] for x in lines) for key in ("seconds", "cpu_seconds"))
    return Cost(seconds - lines[0]["overhead"], cpu, len(lines), lines[0]["blender"])


def peak_multiply_adds(folder: Path, threads: int) -> tuple[float, str]:
    """Measure float32 multiply-adds per second on all cores; returns them and how."""
    compiler = find_compiler()
    if compiler is not None:
        source, program = HERE / "multiply_add_peak.cpp", folder / "multiply_add_peak"
        flags = ["-O3", "-march=native", "-pthread", "-w"]
        built = subprocess.run([compiler, *flags, source, "-o", program], check=False)
        if built.returncode == 0:
            runs = [
                subprocess.run([program, str(threads)], capture_output=True, text=True, check=True)
                for _ in range(3)
            ]
            return max(float(run.stdout) for run in runs), f"a C++ loop, {' '.join(flags[:2])}"
    a = torch.rand(2048, 2048)
    cost = timed(lambda: a @ a, budget_s=5)
    return 2048**3 / cost.seconds, "torch matmul, float32"


def resident_bytes(field: str) -> int:
    """Read a size of this process, e.g. VmRSS or VmHWM (its highest); Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {field}")


def memory_frames(task: str, image: np.ndarray, radius: np.ndarray) -> float:
    """Measure how many RGBA frames a blur needs beside its inputs; for a fresh process."""
    frame, radii = tensors(image, radius)
    cotangent = torch.rand_like(frame)
    backward = task == "backward"

    def run(image: torch.Tensor, radius: torch.Tensor, given: torch.Tensor) -> None:
        image.requires_grad_(backward)
        radius.requires_grad_(backward)
        out = scatter_blur(image, radius)
        if backward:
            torch.autograd.grad(out, (image, radius), given)

    # Libraries and threads are no part of it: start them on a crop. The table of discs is.
    run(frame[:, :64, :64].clone(), radii[:64, :64].clone(), cotangent[:, :64, :64].clone())
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest size so far
    before = resident_bytes("VmRSS")
    run(frame, radii, cotangent)
    return (resident_bytes("VmHWM") - before) / frame.nbytes


def work_alone(task: str, width: int, height: int, max_radius_px: float) -> float:
    """Do one of the measurements that want a process of their own; see `alone`."""
    image, radius = test_frame(width, height), ramp(width, height, max_radius_px)
    if task != "reference":
        return memory_frames(task, image, radius)
    if "reference" not in kernel_info():
        raise SystemExit(f"expected the plain-torch reference, got {kernel_info()}")
    frame, radii = tensors(image, radius)
    return timed(lambda: scatter_blur(frame, radii), most=3).seconds


def alone(task: str, size: tuple[int, int], max_radius_px: float) -> float:
    """Measure in a fresh process: seconds of "reference", frames of "forward" or "backward".

    The reference is what runs where no compiler is found: that process has nothing on its path.
    """
    if task != "reference" and not Path("/proc/self/clear_refs").exists():
        return float("nan")  # memory is read from Linux's /proc
    run = subprocess.run(
        [sys.executable, __file__, "--alone", task, *map(str, (*size, max_radius_px))],
        env=os.environ | {"PATH": "", "CXX": ""} if task == "reference" else None,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(run.stdout)


def reference_cost(size: tuple[int, int], max_radius_px: float) -> Cost:
    """Time the plain-torch reference on a few rows: a row costs the same anywhere."""
    width, height = size
    seconds = alone("reference", (width, REFERENCE_ROWS), max_radius_px)
    note = f"{REFERENCE_ROWS} of {height} rows, scaled"
    return Cost(seconds * height / REFERENCE_ROWS, float("nan"), 1, note)


def verdict(value: float, limit: float, at_most: bool, at_least: bool = False) -> str:
    """Word a figure and its target; a lower bound can pass but not fail."""
    good = value <= limit if at_most else value >= limit
    word = "pass" if good else "not known" if at_least or math.isnan(value) else "FAIL"
    return f"{'>= ' if at_least else ''}{value:.1f} ({'<=' if at_most else '>='} {limit:g}: {word})"


def row(name: str, ramp_px: int, cost: Cost, ours: Cost, extra: str = "") -> str:
    """Return one line of the table: a method on one ramp."""
    bound = ">= " if cost.at_least else ""
    cpu = "" if math.isnan(cost.cpu_seconds) else f"{cost.cpu_seconds:.3g}"
    remarks = [extra or cost.note, "" if cost.had_all_cores() else "**had not all cores**"]
    remark = ", ".join(filter(None, remarks))
    return (
        f"| {name} | 0..{ramp_px} | {bound}{cost.seconds:.3g} | {cpu}"
        f" | {cost.runs} | {bound}{cost.seconds / ours.seconds:.1f} | {remark} |"
    )


def benchmark(out: Path, size: tuple[int, int], blender: bool) -> list[str]:
    """Measure everything on a frame of ``size`` (W, H); returns lines of Markdown."""
    threads = torch.get_num_threads()
    peak, how = peak_multiply_adds(out, threads)
    image = test_frame(*size)
    lines = [
        f"# Lens blur, {size[0]}x{size[1]} RGBA float32, radius growing left to right",
        "",
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {threads} of {os.cpu_count()} cores,"
        f" torch {torch.__version__}, {kernel_info()}",
        f"Peak: {peak / 1e9:.0f} G multiply-adds/s ({how}). Load when begun:"
        f" {os.getloadavg()[0]:.1f}.",
        "A tap is one channel of one pixel whose centre lies in the disc, however it is summed.",
        "",
        "| method | radius px | wall s | CPU s | runs | x our forward | remarks |",
        "|---|---|---|---|---|---|---|",
    ]
    targets = []
    for ramp_px in RAMPS_PX:
        radius = ramp(*size, ramp_px)
        forward, backward = time_ours(image, radius)
        rate = taps(radius, 4) / forward.seconds
        both = Cost(
            forward.seconds + backward.seconds,
            forward.cpu_seconds + backward.cpu_seconds,
            min(forward.runs, backward.runs),
        )
        share = f"{rate / 1e9:.1f} G taps/s, {100 * rate / peak:.0f} % of peak"
        ratio = verdict(backward.seconds / forward.seconds, BACKWARD_LIMIT, at_most=True)
        targets.append(f"- backward / forward, 0..{ramp_px}: {ratio}")
        done = [
            row("ours, forward", ramp_px, forward, forward, share),
            row("ours, forward + backward", ramp_px, both, forward),
            row("plain torch", ramp_px, reference_cost(size, ramp_px), forward),
        ]
        if blender:
            source = out / f"ramp{ramp_px}.exr"
            write_exr(source, image, radius)
            for node, name in (("defocus", "Blender Defocus"), ("bokeh", "Blender Bokeh Blur")):
                target = out / f"ramp{ramp_px}_{node}.exr"
                cost = run_blender(node, source, target, ramp_px, size)
                done.append(row(name, ramp_px, cost, forward))
                if node == "defocus":
                    times = cost.seconds / forward.seconds
                    limit = FASTER_THAN_DEFOCUS[ramp_px]
                    text = verdict(times, limit, at_most=False, at_least=cost.at_least)
                    in_cpu = f"{cost.cpu_seconds / forward.cpu_seconds:.1f} in CPU seconds"
                    targets.append(f"- times faster than Defocus, 0..{ramp_px}: {text}, {in_cpu}")
        print("\n".join(done), flush=True)
        lines += done
    for what in ("forward", "backward"):
        # at full size always: the table of discs is the same for every frame
        frames = alone(what, FULL_SIZE, RAMPS_PX[-1])
        name = "forward" if what == "forward" else "forward + backward"
        text = verdict(frames, MEMORY_LIMIT_FRAMES, at_most=True)
        targets.append(f"- extra memory of {name}, results included, frames: {text}")
    return [*lines, "", "Targets", "", *targets]


def main() -> None:
    """Print the table and write it, with pictures, to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--quick", action="store_true", help="half the width and height")
    parser.add_argument("--no-blender", action="store_true")
    parser.add_argument("--alone", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        task, width, height, radius = options.alone
        print(work_alone(task, int(width), int(height), float(radius)))
        return
    blender = not options.no_blender and BPY_PYTHON.exists()
    if not blender and not options.no_blender:
        print(f"no {BPY_PYTHON.parent}: `make blender` makes it; going on without Blender")
    options.out.mkdir(parents=True, exist_ok=True)
    size = (FULL_SIZE[0] // 2, FULL_SIZE[1] // 2) if options.quick else FULL_SIZE
    lines = benchmark(options.out, size, blender)
    if blender:
        lines += agreement(options.out, run_blender)
    print("\n".join(["", *lines]))
    (options.out / "lens_blur.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
