# SPDX-License-Identifier: Apache-2.0
"""What each answer to a fault is worth: on and off, where the fault is and where it is not.

    python benchmarks/points_table.py --out DIR [--quality draft|standard] [--only 1,7]
        [--made CLIPS] [--make]

A row is a fault of a subject, a camera or a file, a clip that has it, and the settings in which
both solves differ; a second line shows the same two on `market`, which has none of them. Both are
solved in full (a quality's own steps, no early end) and baked without grain. Model: the solve
alone; beauty: with the plate's own pixels where the floor keeps them. Figures are dB over the
plate; frames below it are the beauty's. What breathes is held to a clip of its mean size that does
not, and to that clip's plate.

Where a setting changes nothing of what is measured of a clip, both solves are one, which is said
and not done twice. DIR keeps what was measured, by the code that did it: a stopped run goes on.
docs/clips.md has the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clips_table import HERE, Clip, fingerprint, folder_of, make
from grain_table import fine_structure

ROOT = HERE.root
MARKET = ROOT / "tests" / "clips" / "market"
NONE = "market"


@dataclass(frozen=True)
class Side:
    """One way of solving and showing a clip; by default the quality's own."""

    settings: tuple[str, ...] = ()
    """FIELD=VALUE, as `ablate --set` takes them."""
    split: bool = False
    """``solve --layers auto``"""
    bake: tuple[str, ...] = ()
    """Of regrain, undo_breathing: what is shown otherwise."""


AS_IT_IS = Side()


def without(*settings: str) -> Side:
    """The quality's own way, but for some settings."""
    return Side(settings)


@dataclass(frozen=True)
class Row:
    """A fault, and the answer to it."""

    point: int
    fault: str
    clip: str
    off: Side
    on: Side = AS_IT_IS
    truth: str | None = None
    """The clip whose sharp frames it is measured by; None: its own."""


STIFF = (
    "model.mapping_cell_px=512",
    "model.mapping_frames_per_knot=8",
    "model.background_frames_per_knot=8",
    "model.background_flutter=false",
)
"""Next to nothing but a homography a frame."""
ROWS = (
    Row(1, "detail changes", "changing", without("model.looks=false", "model.change=false")),
    Row(1, "light changes", "market_flicker", without("model.exposure=false")),
    Row(2, "joints and folds", "small_bends", without(*STIFF)),
    Row(3, "two backgrounds, one given", "drawn_board", AS_IT_IS, Side(split=True)),
    Row(4, "shutter of 180 degrees", "drawn_blur", AS_IT_IS,
        without("model.shutter_degrees=90", "model.shutter_found=true")),
    Row(5, "lamps of 14", "drawn_lamps", without("observe.ceiling=false")),
    Row(6, "breathing of 2 %", "market_breathing", AS_IT_IS, Side(bake=("undo_breathing",)),
        "market_larger"),
    Row(6, "rolling shutter, a hand that shakes", "drawn_rolls", without(*STIFF)),
    Row(7, "bars", "market_bars", without("observe.overlay=false")),
    Row(7, "a time code that runs", "market_code", without("observe.overlay=false")),
    Row(7, "out of white", "market_white", without("observe.fades=false")),
    Row(7, "every 4th frame twice", "market_repeat", without("observe.repeats=false")),
    Row(7, "a hard cut", "market_cut", without("observe.ignore_cuts=true")),
    Row(8, "noise of 2 %, H.264", "market_h264", without("texel_weight=0")),
    Row(9, "noise of 2 %", "market_noise", AS_IT_IS, Side(bake=("regrain",))),
    Row(10, "never in focus", "small_never", without("unsharp_rate=0")),
)  # fmt: skip


def drawn(name: str, arguments: str) -> Clip:
    """One of `make_clip.py`."""
    return Clip(name, script="make_clip.py", arguments=tuple(arguments.split()))


def spoilt(name: str, *faults: str) -> Clip:
    """The bundled clip with a fault put on it."""
    return Clip(name, script="spoil_clip.py", arguments=(str(MARKET), *faults))


CLIPS = (
    Clip(NONE, at=MARKET),
    drawn("changing", "--frames 48 --pulls 2 --change --max-radius 4"),
    spoilt("market_flicker", "--flicker", "0.05", "--ramp", "0.5"),
    Clip("small_leaves", script="render_clip.py",
         arguments=("leaves", "--width", "384", "--height", "216", "--frames", "24")),
    Clip("small_bends", script="reduce_clip.py",
         arguments=("{made}/small_leaves", "--width", "256")),
    drawn("drawn_board", "--board 4 --slide 4 --frames 20"),
    drawn("drawn_blur", "--shutter 180 --frames 12"),
    drawn("drawn_lamps", "--lamps 14 --max-radius 6 --frames 20"),
    spoilt("market_breathing", "--breathing", "0.02"),
    spoilt("market_larger", "--larger", "0.0095"),  # as large as that is in the mean
    drawn("drawn_rolls", "--rolling 0.8 --shake 10 --frames 14"),
    spoilt("market_bars", "--bars", "2.2"),
    spoilt("market_code", "--time-code"),
    spoilt("market_white", "--fade", "5", "--fade-from", "white"),
    spoilt("market_repeat", "--repeat", "4"),
    spoilt("market_cut", "--cut"),
    spoilt("market_h264", "--noise", "0.02", "--h264", "23"),
    spoilt("market_noise", "--noise", "0.02"),
    drawn("small_never", "--pull 0 0.35 --max-radius 6 --width 256 --height 144 --frames 16"),
)  # fmt: skip


# --- one side, measured --------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What was measured of one side."""

    figures: dict[str, float] = field(default_factory=dict)
    """plate, model, beauty, plate_subject, beauty_subject: dB; below: frames of the beauty."""
    refused: str = ""
    """The line that ended it instead."""
    grain: tuple[float, float] | None = None
    """Fine structure of plate and beauty; see `grain_table`."""


def settings_of(side: Side, quality: str) -> Any:
    """The settings that a side is solved with."""
    from pullfocus.ablate.variants import with_field
    from pullfocus.solve.settings import QUALITIES

    settings = QUALITIES[quality]
    for one in side.settings:
        name, _, value = one.partition("=")
        settings = with_field(settings, name, value)
    return settings


def key(*told: object) -> str:
    """A folder's name for what was asked."""
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def measure(clip: Path, truth: Path, side: Side, quality: str, out: Path) -> Found:
    """Solve where that is not done yet, show, and compare with the truth."""
    from pullfocus.errors import PullfocusError

    try:
        solve = solved(clip, side, quality, out)
    except PullfocusError as error:
        return Found(refused=" ".join(str(error).split()))
    shown = {name: name in side.bake for name in ("regrain", "undo_breathing")}
    found: dict[str, float] = {}
    passes = out / "passes"
    for what, keep in (("model", False), ("beauty", True)):
        figures = baked(solve, passes, truth, keep_plate=keep, **shown)
        found |= {what: figures["psnr"], f"{what}_subject": figures["subject_psnr"]}
    found |= {"plate": figures["plate_psnr"], "plate_subject": figures["plate_subject_psnr"]}
    found["below"] = figures["frames_below"]
    grain = None
    if truth == clip and (truth / "truth.0001.exr").exists():
        grain = fine_structure(solve, passes, clip)
    shutil.rmtree(passes)
    return Found(found, grain=grain)


def solved(clip: Path, side: Side, quality: str, out: Path) -> Path:
    """Return the solve folder of a side."""
    from pullfocus.progress import Progress
    from pullfocus.roto.split import split_for_solve
    from pullfocus.solve.inputs import ShotInputs
    from pullfocus.solve.run import run_solve

    settings = settings_of(side, quality)
    inputs = ShotInputs(
        plate=str(clip / "plate.####.png"), mattes=(("fg", str(clip / "alpha.####.png")),)
    )
    folder = out / key(side.settings, side.split)
    solve = folder / "x.solve"
    folder.mkdir(parents=True, exist_ok=True)
    if side.split:
        shot = inputs.open()
        split = split_for_solve(shot, inputs, solve, settings, progress=Progress())
        if split == inputs:  # no parts found
            return solved(clip, Side(side.settings), quality, out)
        inputs = split
    twin = out / key((), False) / "x.solve"
    if twin != solve and measures_the_same(inputs, side, settings, twin, solve):
        return twin
    outcome = run_solve(inputs.open(), solve, settings, inputs=inputs)
    if outcome.stop_signal is not None:
        raise SystemExit(128 + outcome.stop_signal)
    return solve


def measures_the_same(inputs: Any, side: Side, settings: Any, twin: Path, solve: Path) -> bool:
    """Whether a side differs in what it looks for alone, and finds to the bit what `twin` did."""
    from pullfocus.observe.observe import observe

    if not side.settings or not all(one.startswith("observe.") for one in side.settings):
        return False
    if not (twin / "observe").is_dir():
        return False
    observe(inputs.open(), solve / "observe", settings.observe)

    def contents(folder: Path) -> list[tuple[str, bytes]]:
        files = sorted(path for path in folder.glob("observe/*/*") if path.is_file())
        return [(path.name, hashlib.sha256(path.read_bytes()).digest()) for path in files]

    return contents(solve) == contents(twin)


def baked(solve: Path, out: Path, truth: Path, **shown: bool) -> dict[str, float]:
    """Show a solve and return means over its frames, and how many lie below their plate."""
    from pullfocus.bake.bake import bake
    from pullfocus.evaluate.report import evaluate

    shutil.rmtree(out, ignore_errors=True)
    bake(solve, out, **shown)
    report = evaluate(out, truth, metrics=[])
    means = {name: one["mean"] for name, one in report.facts()["figures"].items()}
    return means | {"frames_below": len(report.worse_than_plate)}


def kept(clip: Path, truth: Path, side: Side, quality: str, store: Path) -> Found:
    """Measure, or read what was."""
    out = store / clip.name
    place = out / f"{key(side, truth.name)}.json"
    plate = hashlib.sha256((clip / "plate.0001.png").read_bytes()).hexdigest()
    if place.exists():
        known = json.loads(place.read_text())
        if known.pop("plate") == plate:
            grain = known["grain"]
            return Found(
                known["figures"], known["refused"], None if grain is None else tuple(grain)
            )
        shutil.rmtree(out)
    found = measure(clip, truth, side, quality, out)
    beside = place.with_suffix(".tmp")
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(json.dumps({"plate": plate, **asdict(found)}))
    beside.replace(place)
    return found


# --- the table -----------------------------------------------------------------------------------

TITLES = (
    *("point", "clip", "fault", "off", "plate dB", "off: model / beauty", "on: model / beauty"),
    *("subject, beauty", "frames below: off, on"),
)
HEADER = f"| {' | '.join(TITLES)} |\n{'|---' * len(TITLES)}|"


def told(row: Row) -> str:
    """In which settings both sides differ, off before on."""

    def words(side: Side) -> str:
        named = [*side.settings, *(("--layers auto",) if side.split else ())]
        named += [f"--{flag.replace('_', '-')}" for flag in side.bake]
        return " ".join(f"`{one}`" for one in named) or "as it is"

    return words(row.off) if row.on == AS_IT_IS else f"{words(row.off)}; on: {words(row.on)}"


def line(row: Row, clip: str, off: Found, on: Found) -> str:
    """Return a line of the table."""

    def gains(found: Found) -> str:
        if found.refused:
            return f"refused: {found.refused}"
        plate = found.figures["plate"]
        both = (found.figures[name] - plate for name in ("model", "beauty"))
        return " / ".join(f"{gain:+.1f}" for gain in both)

    def subject(found: Found) -> str:
        f = found.figures
        return f"{f['beauty_subject'] - f['plate_subject']:+.1f}" if f else "none"

    def below(found: Found) -> str:
        return f"{found.figures['below']:.0f}" if found.figures else "none"

    plate = next((one.figures["plate"] for one in (off, on) if one.figures), None)
    same = off.figures == on.figures and off.grain == on.grain
    cells = [
        str(row.point),
        f"`{clip}`",
        row.fault if clip == row.clip else "none, the same",
        told(row),
        "" if plate is None else f"{plate:.1f}",
        gains(off),
        "the same to the bit" if same else gains(on),
        f"{subject(off)} -> {subject(on)}",
        f"{below(off)}, {below(on)}",
    ]
    if row.point == 9 and off.grain and on.grain:
        values = (off.grain[0], off.grain[1], on.grain[1])
        cells[7] += "; fine structure: plate {:.4f}, {:.4f} -> {:.4f}".format(*values)
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="keep what is measured here")
    parser.add_argument("--quality", choices=("draft", "standard"), default="draft")
    parser.add_argument("--only", default="", help="points or clips, comma between")
    parser.add_argument("--made", type=Path, default=ROOT / "clips", help="folder of made clips")
    parser.add_argument("--make", action="store_true", help="make the clips that are missing")
    options = parser.parse_args()
    only = {name for name in options.only.split(",") if name}
    unknown = sorted(only - {str(row.point) for row in ROWS} - {row.clip for row in ROWS})
    if unknown:
        parser.error(f"expected points 1 to 10 or clips of theirs, got {', '.join(unknown)}")
    by_name = {clip.name: clip for clip in CLIPS}
    places = {name: folder_of(clip, options.made) for name, clip in by_name.items()}
    store = options.out / fingerprint(ROOT, "core", "cuda_lensblur") / options.quality
    absent = []
    print(HEADER, flush=True)
    for row in ROWS:
        if only and not only & {str(row.point), row.clip}:
            continue
        for name in dict.fromkeys((row.clip, NONE)):
            truth_name = row.truth if row.truth and name == row.clip else name
            for one in dict.fromkeys((name, truth_name)):
                why = there(by_name[one], options.made, by_name) if options.make else ""
                if not places[one].is_dir():
                    absent.append(f"{one}: {why or '--make makes it'}")
            if not (places[name].is_dir() and places[truth_name].is_dir()):
                continue
            truth = places[truth_name]
            on, off = (
                kept(places[name], truth, side, options.quality, store)
                for side in (row.on, row.off)
            )
            print(line(row, name, off, on), flush=True)
    for text in absent:
        print(f"left out, {text}")


def there(clip: Clip, made: Path, by_name: dict[str, Clip]) -> str:
    """Make a clip that is missing, what it is made of before it; returns why it can't be."""
    if folder_of(clip, made).is_dir():
        return ""
    for argument in clip.arguments:
        if argument.startswith("{made}/"):
            why = there(by_name[argument.removeprefix("{made}/")], made, by_name)
            if why:
                return why
    return make(clip, made, None)


if __name__ == "__main__":
    sys.exit(main())
