# SPDX-License-Identifier: Apache-2.0
"""One call of train-coc: pictures are made where they lack, a stage trains, pictures are drawn."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from pullfocus.checkpoint import replacing
from pullfocus.coc.dataset import Composer, ComposeSettings
from pullfocus.coc.evaluation import HELD_SEED
from pullfocus.coc.network import CocEstimate
from pullfocus.coc.pool import SHARD, Pool, claim, write_pool, write_shard
from pullfocus.coc.renders import read_scene, scene_folders
from pullfocus.coc.tiles import load_bank
from pullfocus.coc.trainer import Stage, TrainSettings
from pullfocus.coc.training import LOG, WEIGHTS, export, read_encoder, read_log, train, trained
from pullfocus.coc.workers import spread
from pullfocus.errors import PullfocusError
from pullfocus.progress import Progress
from pullfocus.signals import Stopped, StopSignals

__all__ = ["loss_plot", "prediction_sheet", "run_training"]

_COMPOSED = ComposeSettings(size=288)
"""Training pictures are larger than what is cut from them: half of all cuts are shrunk."""
_HELD = 200


def run_training(
    out: Path,
    settings: TrainSettings,
    *,
    tiles: Path,
    pool: Path,
    pictures: int,
    renders: Path | None,
    encoder: Path | None,
    device: str,
    workers: int = 0,
    compiled: bool = False,
    progress: Progress,
) -> int:
    """Compose what lacks, train a stage or go on with it, draw loss.png and predictions.png.

    Args:
        out: folder of the stage.
        settings: see `TrainSettings`.
        tiles: holds train/ and held/ (examples/prepare_coc_photos.py).
        pool: folder that composed pictures are kept in, for all stages.
        pictures: how many to compose.
        renders: scenes of examples/render_coc.py, or None.
        encoder: folder of the deblur stage (frozen, tuned).
        device: cpu or cuda.
        workers: processes that compose and draw pictures; 0: this one.
        compiled: see `trainer.Trainer`.
        progress: told about everything.

    Returns:
        Exit code: 0, or 128 + signal when stopped with the state saved.

    Raises:
        PullfocusError: tiles, scenes or folders that do not fit.
    """
    read_encoder(settings.stage, encoder)  # composing takes long: what is amiss is said before
    try:
        with StopSignals(progress) as signals:
            sources = _pools(tiles, pool, pictures, renders, settings, workers, signals, progress)
            train_pools, held, made_of = sources
            if settings.minutes is not None:
                progress.note(f"the rate follows the clock: {settings.minutes:g} min of training")

            def tell(step: int, facts: dict[str, float]) -> None:
                signals.check()
                progress.stage(f"training {settings.stage.value}", min(1.0, facts["share"]))
                for name in ("rmse_px", "mae"):
                    if name in facts:
                        text = f"step {step}: held-out {name} {facts[name]:.4f}"
                        progress.note(text)

            facts = train(
                out,
                settings,
                train_pools,
                held,
                made_of=made_of,
                encoder_from=encoder,
                device=device,
                workers=workers,
                compiled=compiled,
                report=tell,
            )
    except Stopped as stop:
        progress.note("stopped; the same command goes on")
        return stop.exit_code
    with replacing(out / "loss.png") as beside:
        cv2.imwrite(str(beside), loss_plot(read_log(out / LOG)))
    with replacing(out / "predictions.png") as beside:
        cv2.imwrite(str(beside), prediction_sheet(trained(out), held))
    weights = out / WEIGHTS if settings.stage is Stage.deblur else export(out)
    said = "".join(f", {k} {v:.4g}" for k, v in facts.items() if k != "seconds")
    progress.done(
        f"trained {settings.stage.value} for {facts['seconds'] / 60:.0f} min{said}: {weights}",
        weights=str(weights),
        **facts,
    )
    return 0


def _pools(
    tiles: Path,
    folder: Path,
    pictures: int,
    renders: Path | None,
    settings: TrainSettings,
    workers: int,
    signals: StopSignals,
    progress: Progress,
) -> tuple[list[tuple[Pool, float]], Pool, str]:
    """Training pools with their shares, the held-out one, and a word for what they are made of."""

    def report(name: str):  # type: ignore[no-untyped-def]
        watched = signals.watch(progress)
        return lambda fraction: watched(f"composing {name} pictures", fraction)

    for name, seed, count, composed in (
        ("held", HELD_SEED, _HELD, ComposeSettings()),
        ("composed", 0, pictures, _COMPOSED),
    ):
        source = tiles / ("held" if name == "held" else "train")
        load_bank(source)
        facts = {"tiles": _digest(source), "settings": json.dumps(asdict(composed))}
        claim(folder / name, facts)
        write_pool(
            folder / name,
            Composer(tiles=source, first_seed=seed, settings=composed),
            count,
            spread=partial(spread, workers=workers),
            report=report(name),
        )
    pools = [(Pool(folder / "composed", range(-(-pictures // SHARD))), 1.0)]
    scenes: dict[str, str] = {}
    if renders is not None:
        scenes = _import_scenes(renders, folder / "rendered", settings.crop)
        rendered = Pool(folder / "rendered", [_number(scene) for scene in scenes])
        share = settings.render_share
        pools = [(pools[0][0], 1 - share), (rendered, share)]
    made_of = json.dumps([_digest(tiles / "train"), len(pools[0][0]), sorted(scenes.items())])
    return pools, Pool(folder / "held"), hashlib.sha256(made_of.encode()).hexdigest()


def _digest(tiles: Path) -> str:
    """SHA-256 of the tiles of a bank."""
    digest = hashlib.sha256()
    for path in sorted(tiles.glob("*.npy")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _number(scene: str) -> int:
    return int(scene.rpartition("_")[2])


def _import_scenes(renders: Path, folder: Path, crop: int) -> dict[str, str]:
    """One shard a scene, those that are there are kept; returns name -> SHA-256 of its lens."""
    scenes = {}
    for scene in scene_folders(renders):
        lens = hashlib.sha256((scene / "lens.json").read_bytes()).hexdigest()
        claim(folder, {scene.name: lens})
        scenes[scene.name] = lens
        index = _number(scene.name)
        if (folder / f"coc.{index:04d}.npy").exists():
            continue
        samples = list(read_scene(scene))
        height, width = samples[0].coc.shape
        if min(height, width) < crop:
            raise PullfocusError(
                f"{scene}: expected frames of {crop}x{crop} px at least, got {width}x{height}"
            )
        write_shard(folder, index, samples)
    return scenes


def loss_plot(log: list[dict[str, float]], *, width: int = 960, height: int = 480) -> np.ndarray:
    """The loss over steps, smoothed, and held-out figures as dots; (H, W, 3) uint8 BGR."""
    picture = np.full((height, width, 3), 24, np.uint8)
    if len(log) < 2:
        return picture
    steps = np.array([line["step"] for line in log], np.float64)
    loss = np.array([line["loss"] for line in log], np.float64)
    span = max(1, len(loss) // 100)
    smooth = np.convolve(np.pad(loss, (span, span), mode="edge"), np.ones(2 * span + 1), "valid")
    smooth /= 2 * span + 1
    found = [(line["step"], line[k]) for line in log for k in ("rmse_px", "mae") if k in line]
    low, high = float(smooth.min()), float(np.percentile(smooth, 99))

    def place(step: float, share: float) -> tuple[int, int]:
        x = 50 + (width - 70) * step / steps[-1]
        return int(x), int(height - 40 - (height - 70) * min(max(share, 0), 1))

    points = [
        place(s, (v - low) / max(high - low, 1e-9)) for s, v in zip(steps, smooth, strict=True)
    ]
    cv2.polylines(picture, [np.array(points, np.int32)], False, (220, 180, 90), 1, cv2.LINE_AA)
    top = max((v for _, v in found), default=1.0)
    for step, value in found:
        cv2.circle(picture, place(step, value / top), 3, (90, 200, 250), -1, cv2.LINE_AA)
    name = "rmse px" if any("rmse_px" in line for line in log) else "mae"
    text = f"loss {low:.3g} .. {high:.3g}   dots: held-out {name}, 0 .. {top:.3g}"
    if found:
        text += f", last {found[-1][1]:.3g}"
    text += f"   {steps[-1]:.0f} steps"
    cv2.putText(picture, text, (50, height - 12), 0, 0.5, (220, 220, 220), 1, cv2.LINE_AA)
    return picture


@torch.no_grad()
def prediction_sheet(network: torch.nn.Module, held: Pool, *, count: int = 6) -> np.ndarray:
    """Held-out pictures: blurred, what the network makes of them, truth; (H, W, 3) uint8 BGR."""
    rows = []
    for index in islice(range(0, len(held), max(1, len(held) // count)), count):
        sample = held[index]
        frame = torch.from_numpy(sample.blurred).permute(2, 0, 1)[None]
        shown = network(frame)
        if isinstance(shown, CocEstimate):
            cells = [_coloured(shown.radius_px[0].numpy()), _coloured(sample.coc)]
        else:
            cells = [_bgr(shown[0].permute(1, 2, 0).numpy()), _bgr(sample.sharp)]
        rows.append(np.hstack([_bgr(sample.blurred), *cells]))
    return np.vstack(rows)


def _bgr(display: np.ndarray) -> np.ndarray:
    return np.round(np.clip(display[..., ::-1], 0, 1) * 255).astype(np.uint8)


def _coloured(radius_px: np.ndarray) -> np.ndarray:
    share = np.clip(radius_px / 16 * 255, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(share, cv2.COLORMAP_TURBO)
