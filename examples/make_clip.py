# SPDX-License-Identifier: Apache-2.0
"""Make a small misfocused clip with its truth: a market street, a focus pull, somebody in front.

Everything is drawn by this file from a seed, so the result may be shipped anywhere (CC0).
The lens is its own, written without pullfocus: hard discs on a supersampled, scene-linear,
layered picture with overscan. A solve that wins here has not merely inverted itself.

    python examples/make_clip.py --out market --width 256 --height 144 --frames 24 --seed 7

| file | what |
|---|---|
| plate.####.png | the misfocused footage, 8-bit sRGB, slight sensor noise |
| sharp.####.png | the same without blur and noise |
| clean.####.png | the sharp background alone (--compact: black where alpha is 0) |
| alpha.####.png | coverage of the subject in the sharp frame |
| board.####.png | with --board: its coverage, before what is in front |
| matte.####.png | with --matte-grow: a hard matte, grown by so many pixels, as a rough roto |
| hdr.####.exr | with --lamps: the sharp frame, scene-linear, not clipped |
| still.####.png | with --shutter: sharp without motion blur (sharp, clean and alpha have it) |
| truth.####.exr | half: coc.X of what is seen, cocfg.X (0 outside the subject), cocbg.X: signed |
|  | radius in px, near negative; flow.X flow.Y in px to the next frame, x right, y down |
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from clip_scene import (
    SUPERSAMPLING,
    Scene,
    blur_constant,
    blur_rows,
    cutout_px,
    grid,
    motion,
    render_background,
    render_board,
    render_subject,
    shrink,
)
from market_paint import (
    STREET_HALF_WIDTH,
    TEXELS_PER_METRE,
    WALL_HEIGHT,
    paint_street,
    to_display,
    to_linear,
)
from market_subject import Cutout, other_look, paint_jar, paint_walker

LAMPS = ((-1.45, 1.9), (-0.75, 1.35), (-0.2, 2.05), (0.55, 1.75), (1.2, 1.2), (1.7, 2.0))
"""Metres from the middle of the wall, to the right and up."""
MOMENTS = 15  # of an open shutter
READINGS = 13  # of a rolling one; rows between them are mixed of two
LAMP_RADIUS = 0.04
LAMP_TINT = np.array([1.0, 0.85, 0.6], np.float32)

# --- files ---------------------------------------------------------------------------------------


def save_png(path: Path, display: np.ndarray) -> None:
    """0..1 display-encoded RGB or grey as 8-bit."""
    values = np.round(np.clip(display, 0, 1) * 255).astype(np.uint8)
    bgr = values[..., ::-1] if values.ndim == 3 else values
    options = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS]
    if not cv2.imwrite(str(path), np.ascontiguousarray(bgr), options):
        raise OSError(f"cannot write {path}")


def save_truth(path: Path, planes: dict[str, np.ndarray]) -> None:
    """Named half-float channels in one EXR."""
    import OpenImageIO as oiio

    data = np.stack(list(planes.values()), -1).astype(np.float16)
    spec = oiio.ImageSpec(data.shape[1], data.shape[0], data.shape[2], "half")
    spec.channelnames = tuple(planes)
    spec.attribute("compression", "zip")
    output = oiio.ImageOutput.create(str(path))
    if output is None or not output.open(str(path), spec) or not output.write_image(data):
        raise OSError(f"cannot write {path}: {oiio.geterror()}")
    output.close()


def make_clip(
    out: Path,
    *,
    width: int = 256,
    height: int = 144,
    frames: int = 24,
    seed: int = 7,
    subject: str = "flat",
    max_radius: float | None = None,
    matte_grow: int | None = None,
    compact: bool = False,
    pull: tuple[float, float] = (0.0, 1.0),
    lamps: float = 0.0,
    shutter: float = 0.0,
    rolling: float = 0.0,
    shake: float = 1.0,
    pulls: int = 1,
    change: bool = False,
    slide: float = 1.0,
    board: float = 0.0,
) -> None:
    """Write the whole clip into `out`. `max_radius` in px; by default 2 % of the width."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    street = paint_street(rng)
    mips = [hung_with_lamps(to_linear(street), lamps)]
    while len(mips) < 5:
        mips.append(cv2.resize(mips[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    radius = 0.02 * width if max_radius is None else max_radius
    scene = Scene(width, height, frames, radius, subject == "turning", seed, tuple(pull), shake,
                  pulls, slide, board)  # fmt: skip
    cutout = paint_jar(rng) if subject == "turning" else paint_walker(rng)
    # Texels about as large as samples, or minification would alias.
    factor = cutout_px(scene, frames / 2) / cutout.scale
    if factor < 1:
        rows = round(cutout.rgba.shape[0] * factor)
        columns = round(cutout.rgba.shape[1] * factor)
        if cutout.radius is not None:
            old, new = len(cutout.radius), rows
            cutout.radius = np.interp(np.linspace(0, old - 1, new), np.arange(old), cutout.radius)
        cutout.rgba = cv2.resize(cutout.rgba, (columns, rows), interpolation=cv2.INTER_AREA)
        cutout.scale *= factor
    # Floor nearer than the subject blurs more than `max_radius`.
    margin = int(np.ceil(radius * 1.6)) + 3
    for frame in range(frames):
        shown = cutout
        if change:  # smoothly, between a third and two thirds of the way
            way = float(np.clip((scene.time(frame) - 0.3) / 0.4, 0, 1))
            shown = other_look(cutout, way * way * (3 - 2 * way), seed)
        seen = read_by_rows(scene, shown, mips, frame, margin, shutter, rolling)
        write_frame(out, scene, shown, mips, frame, margin, matte_grow, compact, shutter, rolling,
                    seen)  # fmt: skip
        if lamps:
            hdr = seen["sharp"]
            planes = {channel: hdr[..., i] for i, channel in enumerate("RGB")}
            save_truth(out / f"hdr.{frame + 1:04d}.exr", planes)


def hung_with_lamps(street: np.ndarray, strength: float) -> np.ndarray:
    """The linear street with round lamps on its wall, so many times as bright as white."""
    if not strength:
        return street
    rows, columns = (np.arange(n) + 0.5 for n in street.shape[:2])
    lit = street.copy()
    for right, up in LAMPS:
        x = (STREET_HALF_WIDTH + right) * TEXELS_PER_METRE
        y = (WALL_HEIGHT - up) * TEXELS_PER_METRE
        away = np.hypot(rows[:, None] - y, columns[None] - x)
        cover = (LAMP_RADIUS * TEXELS_PER_METRE - away + 0.5).clip(0, 1)[..., None]
        lit = lit * (1 - cover) + cover * strength * LAMP_TINT
    return lit.astype(np.float32)


def at_moment(
    scene: Scene, cutout: Cutout, mips: list[np.ndarray], frame: float, margin: int
) -> dict[str, np.ndarray]:
    """What a shutter that is open for no time sees, scene-linear at pixel size."""
    background = render_background(scene, mips, frame, margin)
    subject = render_subject(scene, cutout, frame, margin)
    disparity, _ = scene.background_rows(grid(scene, margin)[0], frame)
    subject_coc = float(scene.coc(frame, scene.subject_pose(frame)[1]))
    spread = blur_rows(background, scene.coc(frame, disparity) * SUPERSAMPLING)
    extra = {}
    if scene.board:
        board = render_board(scene, mips[0], frame, margin)
        away = abs(float(scene.coc(frame, 1 / scene.board)))
        soft = blur_constant(board, away * SUPERSAMPLING)
        spread = soft[..., :3] + (1 - soft[..., 3:]) * spread
        background = board[..., :3] + (1 - board[..., 3:]) * background
        extra["board"] = shrink(board[..., 3:], margin)[..., 0]
    front = blur_constant(subject, abs(subject_coc) * SUPERSAMPLING)
    return {
        "plate": shrink(front[..., :3] + (1 - front[..., 3:]) * spread, margin),
        "sharp": shrink(subject[..., :3] + (1 - subject[..., 3:]) * background, margin),
        "clean": shrink(background, margin),
        "alpha": shrink(subject[..., 3:], margin)[..., 0],
        **extra,
    }


def open_shutter(
    scene: Scene, cutout: Cutout, mips: list[np.ndarray], frame: float, margin: int, degrees: float
) -> dict[str, np.ndarray]:
    """The mean over the time that a shutter is open, centred on the frame."""
    if not degrees:
        return at_moment(scene, cutout, mips, frame, margin)
    share = degrees / 360
    times = frame + share * ((np.arange(MOMENTS) + 0.5) / MOMENTS - 0.5)
    seen = [at_moment(scene, cutout, mips, time, margin) for time in times]
    return {part: np.mean([one[part] for one in seen], 0) for part in seen[0]}


def read_by_rows(scene: Scene, cutout: Cutout, mips: list[np.ndarray], frame: int, margin: int,
                 degrees: float, rolling: float) -> dict[str, np.ndarray]:  # fmt: skip
    """What a camera sees that reads its rows one after the other, the middle one at the frame.

    `rolling` is the time from the first row to the last, in frames.
    """
    if not rolling:
        return open_shutter(scene, cutout, mips, frame, margin, degrees)
    times = frame + rolling * np.linspace(-0.5, 0.5, READINGS)
    place = np.linspace(0, READINGS - 1, scene.height)
    total: dict[str, np.ndarray] = {}
    for reading, time in enumerate(times):
        weight = np.clip(1 - np.abs(place - reading), 0, 1)
        for part, values in open_shutter(scene, cutout, mips, time, margin, degrees).items():
            rows = weight.reshape(-1, *(1,) * (values.ndim - 1))
            total[part] = total.get(part, 0) + rows * values
    return total


def write_frame(out: Path, scene: Scene, cutout: Cutout, mips: list[np.ndarray], frame: int,
                margin: int, matte_grow: int | None, compact: bool, shutter: float,
                rolling: float, seen: dict[str, np.ndarray]) -> None:  # fmt: skip
    """Write the files of frame `frame` (from 0; numbered from 1), as it was seen."""
    plate, sharp, clean = seen["plate"], seen["sharp"], seen["clean"]
    subject_coc = float(scene.coc(frame, scene.subject_pose(frame)[1]))
    # As it will be read back, so that the truth's outline is that of the alpha frames.
    alpha = np.round(seen["alpha"] * 255) / 255

    noise = np.random.default_rng((scene.seed, frame)).standard_normal(plate.shape)
    plate = plate + noise * np.sqrt(4e-6 * np.maximum(plate, 0) + 4e-8)

    in_front = alpha > 0.5
    rows = np.arange(scene.height) + 0.5
    seen_disparity, _ = scene.background_rows(rows, frame)
    far = np.repeat(scene.coc(frame, seen_disparity)[:, None], scene.width, 1)
    flow = motion(scene, cutout, frame, in_front)
    name = f"{frame + 1:04d}"
    save_png(out / f"plate.{name}.png", to_display(plate))
    save_png(out / f"sharp.{name}.png", to_display(sharp))
    hidden = alpha[..., None] > 0
    save_png(out / f"clean.{name}.png", to_display(clean) * (hidden if compact else 1))
    save_png(out / f"alpha.{name}.png", alpha)
    if scene.board:
        save_png(out / f"board.{name}.png", seen["board"])
        far = np.where(seen["board"] > 0.5, float(scene.coc(frame, 1 / scene.board)), far)
    if shutter:
        still = at_moment(scene, cutout, mips, frame, margin)["sharp"]
        save_png(out / f"still.{name}.png", to_display(still))
    if matte_grow is not None:
        size = 2 * matte_grow + 1
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        save_png(out / f"matte.{name}.png", cv2.dilate(in_front.astype(np.float32), brush))
    truth = {
        "coc.X": np.where(in_front, subject_coc, far),
        "cocfg.X": np.where(alpha > 0, subject_coc, 0.0),
        "cocbg.X": far,
    }
    if not (rolling or scene.board):
        truth |= {"flow.X": flow[..., 0], "flow.Y": flow[..., 1]}
    save_truth(out / f"truth.{name}.exr", truth)


def main() -> None:
    """Read the command line, write the clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--height", type=int, default=144)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--subject",
        choices=("flat", "turning"),
        default="flat",
        help="flat: a cut-out walks; turning: a painted jar turns, its texture slides",
    )
    parser.add_argument("--max-radius", type=float, help="largest COC radius in px (2%% of width)")
    parser.add_argument(
        "--pull",
        type=float,
        nargs=2,
        default=(0.0, 1.0),
        metavar=("FROM", "TO"),
        help="where focus goes, 0 the wall, 1 the subject; 0 0.3: the subject is never sharp",
    )
    parser.add_argument("--pulls", type=int, default=1, help="how often it goes there and back")
    parser.add_argument(
        "--change", action="store_true", help="the subject's pattern turns into another"
    )
    parser.add_argument(
        "--lamps",
        type=float,
        default=0.0,
        metavar="TIMES",
        help="lamps so much brighter than white",
    )
    parser.add_argument(
        "--shutter", type=float, default=0.0, metavar="DEGREES", help="open so long"
    )
    parser.add_argument(
        "--rolling", type=float, default=0.0, metavar="SHARE", help="rows are read over so much of"
        " a frame's time, one after the other; no flow is written"
    )  # fmt: skip
    parser.add_argument(
        "--shake", type=float, default=1.0, metavar="TIMES", help="the camera shakes so much more"
    )
    parser.add_argument(
        "--slide", type=float, default=1.0, metavar="TIMES", help="the camera slides so much more"
    )
    parser.add_argument(
        "--board", type=float, default=0.0, metavar="METRES",
        help="a board stands before the wall, so far away: two backgrounds; no flow is written",
    )  # fmt: skip
    parser.add_argument("--matte-grow", type=int, metavar="PX", help="also write rough mattes")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="smaller files: clean frames hold only what the subject hides, black elsewhere"
        " (there sharp is the same)",
    )
    options = vars(parser.parse_args())
    make_clip(options.pop("out"), **options)


if __name__ == "__main__":
    main()
