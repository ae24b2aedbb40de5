# SPDX-License-Identifier: Apache-2.0
"""Put the faults of real cameras and files on a clip with truth; its truth follows.

    python examples/spoil_clip.py CLIP --out DIR [--flicker 0.05] [--ramp 0.5] [--breathing 0.02]
        [--fade 6 [--fade-from white]] [--noise 0.02] [--h264 23] [--bars 2.2] [--text "REEL 7"]
        [--time-code] [--repeat 3] [--cut]

| option | plate | truth |
|---|---|---|
| --ramp STOPS | exposure rises by so many stops over the clip | sharp and clean with it, as shot |
| --flicker SHARE | light swings by so much, frame by frame | the same |
| --fade N | comes out of black over the first N frames | the same |
| --fade-from white, shot | out of white; or from another shot: its own, mirrored | the same |
| --breathing SHARE | the picture grows by so much as focus goes near | everything scaled with it |
| --larger SHARE | the picture is larger by so much, in all frames | the same |
| --cut | the second half is another shot: mirrored, backwards | everything |
| --repeat N | every Nth frame is the one before once more | everything |
| --noise SIGMA | of display-encoded values, about a pixel and a half wide, as grain is | not |
| --bars RATIO | black above and below a picture of so many times its height | everything |
| --text WORDS | burnt in near the lower edge | the same |
| --time-code | the same, and it runs | the same |
| --h264 CRF | through libx264 and back | not |

They happen in this order. Light is scaled scene-linear, so the plate clips where the truth clips;
white and other shots are mixed in as editors do, on display-encoded values.
`faults.json` says what was done, gains by frame included.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from make_clip import save_png, save_truth
from market_paint import to_display, to_linear

PICTURES = ("plate", "sharp", "still", "clean")
MASKS = ("alpha", "matte", "region")
BAR_ROWS_LEFT = 2


@dataclass(frozen=True)
class Faults:
    """What is wrong with a camera or a file; the defaults are nothing."""

    ramp: float = 0.0
    """Stops from the first frame to the last."""
    flicker: float = 0.0
    """Share of the light."""
    fade: int = 0
    """Frames until the light is whole."""
    fade_from: str = "black"
    """black, white, or shot: the same, mirrored."""
    breathing: float = 0.0
    """Share of the size, from the farthest focus to the nearest."""
    larger: float = 0.0
    """Share of the size, the same in all frames."""
    cut: bool = False
    repeat: int = 0
    bars: float | None = None
    """Width over height of what is left."""
    text: str = ""
    time_code: bool = False
    noise: float = 0.0
    """Standard deviation, display-encoded."""
    h264: int | None = None
    """Constant rate factor."""


Frame = dict[str, np.ndarray]
"""Pictures float (H, W, 3) display-encoded, masks (H, W), truth's channels (H, W) by name."""


def read_frame(folder: Path, name: str) -> Frame:
    """Read whatever a clip has of one frame (`name`: its number as written)."""
    from pullfocus.plate.exr import read_exr

    frame: Frame = {}
    for part in (*PICTURES, *MASKS):
        path = folder / f"{part}.{name}.png"
        if path.exists():
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if image is None:
                raise SystemExit(f"expected a readable picture, got a damaged {path}")
            values = image.astype(np.float32) / np.iinfo(image.dtype).max
            frame[part] = values[..., ::-1] if values.ndim == 3 else values
    truth = folder / f"truth.{name}.exr"
    if truth.exists():
        frame |= read_exr(truth)
    return frame


def write_frame(folder: Path, name: str, frame: Frame) -> None:
    """Write it again."""
    for part in (*PICTURES, *MASKS):
        if part in frame:
            save_png(folder / f"{part}.{name}.png", frame[part])
    truth = {channel: values for channel, values in frame.items() if "." in channel}
    if truth:
        save_truth(folder / f"truth.{name}.exr", truth)


# --- faults --------------------------------------------------------------------------------------


def share(faults: Faults, index: int) -> float:
    """How much of its shot frame `index` shows."""
    return min((index + 1) / (faults.fade + 1), 1)


def mixed(frame: Frame, faults: Faults, index: int) -> Frame:
    """Every picture as far as a fade shows it, before what it comes from."""
    part_shown = share(faults, index)
    if faults.fade_from == "black" or part_shown == 1:
        return frame
    found = dict(frame)
    for part in PICTURES:
        if part in frame:
            other = 1.0 if faults.fade_from == "white" else frame[part][:, ::-1]
            found[part] = part_shown * frame[part] + (1 - part_shown) * other
    return found


def gain(faults: Faults, index: int, count: int) -> float:
    """How much light frame `index` has."""
    ramp = 2 ** (faults.ramp * index / max(count - 1, 1))
    fade = share(faults, index) if faults.fade_from == "black" else 1.0
    return ramp * fade * (1 + faults.flicker * math.sin(2.1 * index))


def exposed(frame: Frame, factor: float) -> Frame:
    """Every picture with so much light."""
    found = dict(frame)
    for part in PICTURES:
        if part in frame and factor != 1:
            found[part] = to_display(to_linear(frame[part]) * factor).astype(np.float32)
    return found


def nearness(focus: list[float] | None, index: int, count: int) -> float:
    """Where focus lies, 0 the farthest of the clip, 1 the nearest; unknown: far, near, far."""
    if focus is None:
        return 0.5 - 0.5 * math.cos(2 * math.pi * index / max(count - 1, 1))
    low, high = min(focus), max(focus)
    return (focus[index] - low) / (high - low) if high > low else 0.0


def scaled(frame: Frame, scale: float, scale_after: float) -> Frame:
    """Everything grown about the middle, radii with it; `scale_after` is the next frame's."""
    height, width = frame["plate"].shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.array([[scale, 0, (1 - scale) * middle[0]], [0, scale, (1 - scale) * middle[1]]])

    def warp(values: np.ndarray, how: int) -> np.ndarray:
        return cv2.warpAffine(
            values, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE
        )

    found = {
        part: warp(np.ascontiguousarray(values), cv2.INTER_CUBIC).clip(0, 1)
        for part, values in frame.items()
        if "." not in part
    }
    for part in ("matte", "region"):
        if part in found:
            found[part] = (found[part] > 0.5).astype(np.float32)
    for channel, values in frame.items():
        if "." in channel:
            found[channel] = warp(values.astype(np.float32), cv2.INTER_NEAREST)
    for channel in ("coc.X", "cocfg.X", "cocbg.X"):
        if channel in found:
            found[channel] = found[channel] * scale
    for axis, channel in enumerate(("flow.X", "flow.Y")):
        if channel in found:
            place = np.arange((width, height)[axis], dtype=np.float32)
            place = place[None] if axis == 0 else place[:, None]
            before = (place - middle[axis]) / scale  # from the middle, as it was
            after = (before + found[channel]) * scale_after + middle[axis]
            found[channel] = after - place
    return found


def mirrored(frame: Frame) -> Frame:
    """Left is right."""
    found = {part: np.ascontiguousarray(values[:, ::-1]) for part, values in frame.items()}
    if "flow.X" in found:
        found["flow.X"] = -found["flow.X"]
    return found


def barred(frame: Frame, ratio: float) -> Frame:
    """Black above and below; nothing of the subject is there, and no radius."""
    height, width = frame["plate"].shape[:2]
    rows = round((height - width / ratio) / 2)
    if not 0 < rows < (height - BAR_ROWS_LEFT) / 2:
        raise SystemExit(f"expected bars above {width / height:.2f}, got {ratio}")
    found = {}
    for part, values in frame.items():
        found[part] = values.copy()
        found[part][:rows] = 0
        found[part][height - rows :] = 0
    return found


def lettered(frame: Frame, words: str) -> Frame:
    """White words in every picture, in the middle near the lower edge."""
    height, width = frame["plate"].shape[:2]
    size = height / 480
    (wide, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, size, 1)
    place = (round((width - wide) / 2), round(0.93 * height))
    cover = np.zeros((height, width), np.uint8)
    cv2.putText(cover, words, place, cv2.FONT_HERSHEY_DUPLEX, size, 255, 1, cv2.LINE_AA)
    share = cover[..., None] / np.float32(255)
    found = dict(frame)
    for part in PICTURES:
        if part in frame:
            found[part] = frame[part] * (1 - share) + share
    return found


def noisy(plate: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Grain of standard deviation `sigma` in every channel."""
    noise = cv2.GaussianBlur(rng.standard_normal(plate.shape).astype(np.float32), (0, 0), 0.6)
    return np.clip(plate + noise * (sigma / noise.std()), 0, 1)


def through_h264(plates: list[np.ndarray], crf: int, path: Path) -> list[np.ndarray]:
    """Encode frames (H, W, 3), decode them again; the movie stays beside. An odd row is kept."""
    import av

    height, width = plates[0].shape[:2]
    even = (height - height % 2, width - width % 2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 24)
        stream.width, stream.height, stream.pix_fmt = even[1], even[0], "yuv420p"
        stream.options = {"crf": str(crf)}
        for plate in plates:
            pixels = np.round(plate[: even[0], : even[1]].clip(0, 1) * 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    found = []
    with av.open(str(path)) as container:
        for plate, picture in zip(plates, container.decode(video=0), strict=True):
            whole = plate.copy()
            whole[: even[0], : even[1]] = picture.to_ndarray(format="rgb24") / np.float32(255)
            found.append(whole)
    return found


def order(faults: Faults, count: int) -> list[tuple[int, bool]]:
    """Which frame is shown when, and whether mirrored."""
    shown = [(index, False) for index in range(count)]
    if faults.cut:
        half = count // 2
        shown = shown[:half] + [(index, True) for index in reversed(range(half, count))]
    if faults.repeat:
        for index in range(faults.repeat - 1, count, faults.repeat):
            shown[index] = shown[index - 1]
    return shown


def spoil(clip: Path, out: Path, faults: Faults, *, seed: int = 5) -> None:
    """Write the clip with its faults into `out`, which must not be there."""
    names = sorted(path.name.split(".")[1] for path in clip.glob("plate.*.png"))
    if not names:
        raise SystemExit(f"expected a clip with plate.####.png, got none in {clip}")
    out.mkdir(parents=True)
    lens = clip / "lens.json"
    focus = json.loads(lens.read_text())["focus_dioptre"] if lens.exists() else None
    if lens.exists():
        shutil.copyfile(lens, out / lens.name)
    rng = np.random.default_rng(seed)
    count = len(names)
    sizes = [
        (1 + faults.larger) * (1 + faults.breathing * nearness(focus, index, count))
        for index in range(count)
    ]
    shown = order(faults, count)
    plates = []
    for place, (index, mirror) in enumerate(shown):
        frame = exposed(read_frame(clip, names[index]), gain(faults, index, count))
        frame = mixed(frame, faults, index)
        if faults.breathing or faults.larger:
            frame = scaled(frame, sizes[index], sizes[min(index + 1, count - 1)])
        if mirror:
            frame = mirrored(frame)
        if faults.cut or faults.repeat:
            # motion to the next frame of the source is not motion to the next that is shown
            frame = {part: values for part, values in frame.items() if not part.startswith("flow")}
        if faults.noise:
            frame["plate"] = noisy(frame["plate"], faults.noise, rng)
        if faults.bars is not None:
            frame = barred(frame, faults.bars)
        words = f"01:00:{place // 24:02d}:{place % 24:02d}" if faults.time_code else faults.text
        if words:
            frame = lettered(frame, words)
        write_frame(out, names[place], frame)
        plates.append(frame["plate"])
    if faults.h264 is not None:
        for name, plate in zip(
            names, through_h264(plates, faults.h264, out / "plate.mp4"), strict=True
        ):
            save_png(out / f"plate.{name}.png", plate)
    facts = asdict(faults) | {
        "source": clip.name,
        "gains": [gain(faults, index, count) for index, _ in shown],
        "scales": [sizes[index] for index, _ in shown],
    }
    (out / "faults.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into: a new one")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--ramp", type=float, default=0.0, metavar="STOPS")
    parser.add_argument("--flicker", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--breathing", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--larger", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--fade", type=int, default=0, metavar="N")
    parser.add_argument("--fade-from", choices=("black", "white", "shot"), default="black")
    parser.add_argument("--text", default="", metavar="WORDS")
    parser.add_argument("--time-code", action="store_true")
    parser.add_argument("--noise", type=float, default=0.0, metavar="SIGMA")
    parser.add_argument("--h264", type=int, metavar="CRF")
    parser.add_argument("--bars", type=float, metavar="RATIO")
    parser.add_argument("--repeat", type=int, default=0, metavar="N")
    parser.add_argument("--cut", action="store_true")
    given = vars(parser.parse_args())
    clip, out, seed = (given.pop(name) for name in ("clip", "out", "seed"))
    if out.exists():
        parser.error(f"expected a new folder, got {out}")
    spoil(clip, out, Faults(**given), seed=seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
