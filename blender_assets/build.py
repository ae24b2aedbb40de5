# SPDX-License-Identifier: Apache-2.0
"""Writes the asset library that the extension brings: blender_addon/assets. Run by `make assets`.

On this side previews are drawn, by our own lens blur on the bundled clip; in Blender 5.2, which
`tests/window/blender_root.py` provides (or BLENDER=/path), node groups are built, marked and
written. Catalogue and its number are Blender's own: groups stand beside Blender's lens effects.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "blender_addon/assets"
CLIP = ROOT / "tests/clips/market"
CATALOGUE = "81249800-1dfd-4eec-9257-20019aa3ef5d"
CATALOGUES = f"""# Catalogues of the library of PullFocus; this one is Blender's own.
VERSION 1

{CATALOGUE}:Compositing/Camera & Lens Effects:Compositing-Camera & Lens Effects
"""
_SIDE_PX, _PREVIEW_PX = 144, 128
_PREVIEWS = {"lens": (0.0, 5.0), "shot": (4.0, 0.0)}  # px of radius of the subject, and behind it


def draw_preview(path: Path, front_px: float, behind_px: float) -> None:
    """Draw the bundled clip with its subject and its background blurred by so many px of radius."""
    import cv2
    import numpy as np
    import torch

    from cuda_lensblur import scatter_blur

    picture = cv2.imread(str(CLIP / "sharp.0008.png")).astype(np.float32) / 255
    matte = cv2.imread(str(CLIP / "alpha.0008.png"), cv2.IMREAD_GRAYSCALE)
    hole = cv2.dilate((matte > 8).astype(np.uint8), np.ones((5, 5)))
    behind = cv2.inpaint((picture * 255).astype(np.uint8), hole, 6, cv2.INPAINT_TELEA)
    share = matte[..., None].astype(np.float32) / 255

    def blurred(light: np.ndarray, radius_px: float) -> np.ndarray:
        planes = torch.from_numpy(light).movedim(-1, 0).contiguous()
        return scatter_blur(planes, torch.full(planes.shape[1:], radius_px)).movedim(0, -1).numpy()

    back = blurred((behind.astype(np.float32) / 255) ** 2.2, behind_px)
    front = blurred(np.dstack([share * picture**2.2, share]), front_px)
    whole = (front[..., :3] + (1 - front[..., 3:]) * back).clip(0, 1) ** (1 / 2.2)
    square = cv2.resize(
        whole[:, 80 : 80 + _SIDE_PX], (_PREVIEW_PX, _PREVIEW_PX), interpolation=cv2.INTER_AREA
    )
    cv2.imwrite(str(path), (square * 255 + 0.5).astype(np.uint8))


def build_library(name: str, folder: str) -> None:
    """Build one group in this Blender and write it beside its preview."""
    sys.path.insert(0, str(ROOT))
    import bpy

    from blender_addon import lens_group, shot_asset

    module, build = {
        "lens": (lens_group, lens_group.build_lens),
        "shot": (shot_asset, shot_asset.build_shot),
    }[name]
    group = bpy.data.node_groups.new(module.NAME, "CompositorNodeTree")
    build(group)
    group.is_strip_modifier = name == "lens"  # a strip has one picture to give
    group.asset_mark()
    data = group.asset_data
    data.catalog_id, data.description = CATALOGUE, module.DESCRIPTION
    data.author, data.license = "The pullfocus authors", "GPL-3.0-or-later"
    for tag in ("lens", "blur", "defocus", "bokeh", "depth of field"):
        data.tags.new(tag)
    image = bpy.data.images.load(f"{folder}/{name}.png")
    shown = group.preview_ensure()
    shown.image_size = image.size
    shown.image_pixels_float.foreach_set(list(image.pixels))
    bpy.data.libraries.write(f"{folder}/{name}.blend", {group}, fake_user=True, compress=True)


def _in_blender(work: Path, name: str) -> None:
    from tests.window.blender_root import blender_root

    words = ["--background", "--factory-startup", "--python", str(Path(__file__).resolve())]
    told = [*words, "--", name, str(work)]
    own = os.environ.get("BLENDER")
    if own:
        subprocess.run([own, *told], check=True)
        return
    root = blender_root("sid")
    script = (
        f"mkdir -p {root}{ROOT} {root}{work}; mount --bind {ROOT} {root}{ROOT};"
        f' mount --bind {work} {root}{work}; exec chroot {root} blender "$@"'
    )
    subprocess.run(["unshare", "--mount", "bash", "-ec", script, "blender", *told], check=True)


def main() -> None:
    """Draw, build, and put all where the extension looks."""
    sys.path.insert(0, str(ROOT))
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, radii in _PREVIEWS.items():
            draw_preview(work / f"{name}.png", *radii)
            _in_blender(work, name)
            shutil.copy(work / f"{name}.blend", OUT / f"{name}.blend")
    (OUT / "blender_assets.cats.txt").write_text(CATALOGUES)
    from blender_assets.sources import record

    record()


if __name__ == "__main__":
    if "--" in sys.argv and "--background" in sys.argv:
        build_library(*sys.argv[sys.argv.index("--") + 1 :])
    else:
        main()
