# SPDX-License-Identifier: Apache-2.0
"""Every clip with truth, through the command line, in one table; before and after side by side.

    python benchmarks/clips_table.py --out DIR [--before REF] [--only mug,talker] [--rows standard]
        [--made CLIPS] [--make] [--movie testMovie.mp4] [--keep]

docs/clips.md says what each clip is. The bundled clip and those in ../shared/clips are found;
others are looked for in --made by their names, and made there with --make where what they need
(Blender, the movie) is at hand. What is missing is said and left out.

DIR keeps what was measured, by the code that did it: a stopped run goes on, and code that did not
change is not run again. --before is a git reference or another checkout; its solves and passes come
from its own code, its figures from this one's measures. DIR/worst holds, of each line, the frame
that gains least over its plate, beside it. CPU seconds are of solve and bake together: on a busy
machine they say more than wall time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from solve_table import HEADER, HERE, ROWS, Code, Cost, Measured, line, measure

ROOT = HERE.root
SHARED = ROOT.parent / "shared" / "clips"
TALKER_RUNGS = ("clean", "grain", "h264", "flicker", "breathing", "all")


@dataclass(frozen=True)
class Clip:
    """A clip, where it comes from, and the ways in which it is solved."""

    name: str
    rows: tuple[str, ...] = ("standard",)
    at: Path | None = None
    """Where it always lies; None: among those that are made."""
    script: str = ""
    """The script in examples/ that makes it."""
    arguments: tuple[str, ...] = ()
    """`{made}` is the folder of made clips, `{movie}` the talker's."""


def rendered(name: str, *rows: str) -> Clip:
    """One of `render_clip.py`."""
    return Clip(name, ("standard", *rows), script="render_clip.py", arguments=(name,))


def spoilt(name: str, source: str, *faults: str) -> Clip:
    """A made clip with faults of a camera put on it."""
    return Clip(name, script="spoil_clip.py", arguments=(f"{{made}}/{source}", *faults))


def talker(rung: str) -> Clip:
    """A rung of the talking man."""
    arguments = ("{movie}", "--rung", rung)
    return Clip(f"talker_{rung}", script="talker.py", arguments=arguments)


NEVER = "--pull 0 0.35 --max-radius 8 --width 384 --height 216 --frames 24"
CLIPS = (
    Clip("market", ("standard", "fat"), at=ROOT / "tests" / "clips" / "market"),
    Clip("fowl", ("standard", "fat"), at=SHARED / "fowl"),
    Clip("mug", ("standard", "fat"), at=SHARED / "mug"),
    Clip("never", script="make_clip.py", arguments=tuple(NEVER.split())),
    *(talker(rung) for rung in TALKER_RUNGS),
    rendered("figure", "rough"),
    rendered("figure_blur"),
    rendered("figure_turns"),
    rendered("leaves"),
    rendered("lamps"),
    rendered("head"),
    spoilt("figure_flicker", "figure", "--flicker", "0.05", "--ramp", "0.5"),
    spoilt("figure_breathing", "figure", "--breathing", "0.02"),
    spoilt("figure_bars", "figure", "--bars", "2.2"),
    spoilt("figure_h264", "figure", "--noise", "0.02", "--h264", "23"),
    spoilt(
        "figure_text", "figure", "--fade", "5", "--text", "MARKET HALL, TAKE 3", "--repeat", "6"
    ),
    spoilt("figure_cut", "figure", "--cut"),
)


def folder_of(clip: Clip, made: Path) -> Path:
    """Where a clip lies, or would."""
    return made / clip.name if clip.at is None else clip.at


def make(clip: Clip, made: Path, movie: Path | None) -> str:
    """Make a clip beside its place and move it there; returns why it can't be, if so."""
    if not clip.script:
        return f"not at {clip.at}"
    if "{movie}" in clip.arguments and movie is None:
        return "made from a movie that --movie names (docs/clips.md)"
    target = folder_of(clip, made)
    beside = target.with_name(f".{clip.name}.making")
    made.mkdir(parents=True, exist_ok=True)
    filled = [argument.format(made=made, movie=movie) for argument in clip.arguments]
    command = [sys.executable, str(ROOT / "examples" / clip.script), *filled, "--out", str(beside)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        told = found.stderr.strip().splitlines()
        return told[-1] if told else f"{clip.script} failed"
    beside.replace(target)
    return ""


# --- what was measured, by code ------------------------------------------------------------------


def fingerprint(root: Path, *folders: str) -> str:
    """Name the sources in some folders of a checkout by their content."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".h", ".cpp", ".cu", ".safetensors"):
                digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def checkout(reference: str, out: Path) -> Code:
    """Return the code that a folder or a git reference names, checked out beside the results."""
    folder = Path(reference)
    if (folder / "core" / "pullfocus").is_dir():
        return Code(folder.resolve())

    def git(*arguments: str) -> str:
        found = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
        if found.returncode:
            raise SystemExit(f"expected a checkout or a git reference, got {reference}")
        return found.stdout.strip()

    commit = git("rev-parse", "--verify", f"{reference}^{{commit}}")
    place = out / "checkouts" / commit[:10]
    if not place.exists():
        place.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", str(place)], input=archive.stdout, check=True)
    return Code(place)


def measured(clip: Path, row: str, out: Path, code: Code, *, keep: bool) -> Measured | str:
    """Measure, or read what was; returns the last line of what went wrong if it did."""
    stamp = {
        "measures": fingerprint(ROOT, "core/pullfocus/evaluate"),
        "clip": hashlib.sha256((clip / "plate.0001.png").read_bytes()).hexdigest()[:10],
    }
    kept = out / "measured.json"
    if kept.exists():
        known = json.loads(kept.read_text())
        if known.pop("stamp") == stamp:
            if "failed" in known:
                return known["failed"]
            costs = {name: Cost(**known.pop(name)) for name in ("solve", "bake")}
            return Measured(**known, **costs)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        found: Measured | str = measure(clip, row, out, code)
    except SystemExit as error:
        found = str(error).strip().splitlines()[-1]
    facts = {"failed": found} if isinstance(found, str) else asdict(found)
    beside = kept.with_suffix(".tmp")
    beside.write_text(json.dumps({"stamp": stamp, **facts}, indent=1))
    beside.replace(kept)
    if not keep:
        for name in ("x.solve", "passes"):
            shutil.rmtree(out / name, ignore_errors=True)
    return found


def summary(label: str, found: list[Measured]) -> str:
    """One line over all that was solved."""
    gains = [one.facts["gain_db"] for one in found]
    below = sum(len(one.facts["worse_than_plate"]) for one in found)
    frames = sum(one.facts["frames"] for one in found)
    cpu = sum(one.solve.cpu_seconds + one.bake.cpu_seconds for one in found)
    return (
        f"{label}: mean gain {np.mean(gains):+.2f} dB over {len(found)} lines, {below} of {frames}"
        f" frames below their plate, {cpu:.0f} CPU s"
    )


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="keep what is measured here")
    parser.add_argument("--before", metavar="REF", help="a git reference or another checkout")
    parser.add_argument("--only", default="", help="clips whose names begin so, comma between")
    parser.add_argument("--rows", help=f"instead of each clip's own: {','.join(ROWS)}")
    parser.add_argument("--made", type=Path, default=ROOT / "clips", help="folder of made clips")
    parser.add_argument("--make", action="store_true", help="make the clips that are missing")
    parser.add_argument("--movie", type=Path, help="testMovie.mp4, for the talker's rungs")
    parser.add_argument("--keep", action="store_true", help="keep solves and passes as well")
    options = parser.parse_args()
    only = tuple(name for name in options.only.split(",") if name)
    asked = None if options.rows is None else tuple(options.rows.split(","))
    unknown = sorted(set(asked or ()) - set(ROWS))
    if unknown:
        parser.error(f"expected rows of {', '.join(ROWS)}, got {', '.join(unknown)}")
    codes = {"now": HERE}
    if options.before:
        codes = {"before": checkout(options.before, options.out), **codes}
    stores = {
        label: options.out / fingerprint(code.root, "core", "cuda_lensblur")
        for label, code in codes.items()
    }
    found: dict[str, list[Measured]] = {label: [] for label in codes}
    absent = []
    worst = options.out / "worst"
    worst.mkdir(parents=True, exist_ok=True)
    print(HEADER, flush=True)
    for clip in CLIPS:
        if only and not clip.name.startswith(only):
            continue
        folder = folder_of(clip, options.made)
        if not folder.is_dir():
            why = make(clip, options.made, options.movie) if options.make else "--make makes it"
            if not folder.is_dir():
                absent.append(f"{clip.name}: {why}")
                continue
        for row in asked or clip.rows:
            if row == "rough" and not any(folder.glob("matte.*.png")):
                continue
            for label, code in codes.items():
                out = stores[label] / clip.name / row
                one = measured(folder, row, out, code, keep=options.keep)
                told = f"{row}, {label}" if len(codes) > 1 else row
                if isinstance(one, str):
                    print(f"| {clip.name} | {told} | not solved: {one} |", flush=True)
                    continue
                found[label].append(one)
                print(line(clip.name, told, one), flush=True)
                picture = out / "report" / "worst_frame.png"
                shutil.copyfile(picture, worst / f"{clip.name}_{row}_{label}.png")
    for label, lines in found.items():
        if lines:
            print(summary(label, lines))
    for text in absent:
        print(f"left out, {text}")


if __name__ == "__main__":
    main()
