# SPDX-License-Identifier: Apache-2.0
"""Writes the asset library that the extension brings: blender_addon/assets. Run by `make assets`.

On this side the preview is drawn, by our own lens blur on the bundled clip; in Blender 5.2, which
`tests/window/blender_root.py` provides (or BLENDER=/path), the node group is built, marked and
written. Catalogue and its number are Blender's own: the group stands beside Blender's lens effects.
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
_RADIUS_PX, _SIDE_PX, _PREVIEW_PX = 5.0, 144, 128


def draw_preview(path: Path) -> None:
    """Draw the subject of the bundled clip, sharp before a background out of focus."""
    import cv2
    import numpy as np
    import torch

    from cuda_lensblur import scatter_blur

    picture = cv2.imread(str(CLIP / "sharp.0008.png")).astype(np.float32) / 255
    matte = cv2.imread(str(CLIP / "alpha.0008.png"), cv2.IMREAD_GRAYSCALE)
    hole = cv2.dilate((matte > 8).astype(np.uint8), np.ones((5, 5)))
    behind = cv2.inpaint((picture * 255).astype(np.uint8), hole, 6, cv2.INPAINT_TELEA)
    light = torch.from_numpy((behind.astype(np.float32) / 255) ** 2.2).movedim(-1, 0).contiguous()
    blurred = scatter_blur(light, torch.full(light.shape[1:], _RADIUS_PX)).movedim(0, -1).numpy()
    share = matte[..., None].astype(np.float32) / 255
    whole = share * picture + (1 - share) * blurred.clip(0, 1) ** (1 / 2.2)
    square = cv2.resize(
        whole[:, 80 : 80 + _SIDE_PX], (_PREVIEW_PX, _PREVIEW_PX), interpolation=cv2.INTER_AREA
    )
    cv2.imwrite(str(path), (square.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def build_library(preview: str, out: str) -> None:
    """Build the group in this Blender and write it."""
    sys.path.insert(0, str(ROOT))
    import bpy

    from blender_addon.lens_group import DESCRIPTION, NAME, build_lens

    group = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
    build_lens(group)
    group.is_strip_modifier = True
    group.asset_mark()
    data = group.asset_data
    data.catalog_id, data.description = CATALOGUE, DESCRIPTION
    data.author, data.license = "The pullfocus authors", "GPL-3.0-or-later"
    for tag in ("lens", "blur", "defocus", "bokeh", "depth of field"):
        data.tags.new(tag)
    image = bpy.data.images.load(preview)
    shown = group.preview_ensure()
    shown.image_size = image.size
    shown.image_pixels_float.foreach_set(list(image.pixels))
    bpy.data.libraries.write(out, {group}, fake_user=True, compress=True)


def main() -> None:
    """Draw, build, and put both where the extension looks."""
    sys.path.insert(0, str(ROOT))
    from tests.window.blender_root import blender_root

    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        draw_preview(work / "preview.png")
        words = ["--background", "--factory-startup", "--python", str(Path(__file__).resolve())]
        told = [*words, "--", str(work / "preview.png"), str(work / "lens.blend")]
        own = os.environ.get("BLENDER")
        if own:
            subprocess.run([own, *told], check=True)
        else:
            root = blender_root("sid")
            script = (
                f"mkdir -p {root}{ROOT} {root}{work}; mount --bind {ROOT} {root}{ROOT};"
                f' mount --bind {work} {root}{work}; exec chroot {root} blender "$@"'
            )
            command = ["unshare", "--mount", "bash", "-ec", script, "blender", *told]
            subprocess.run(command, check=True)
        shutil.copy(work / "lens.blend", OUT / "lens.blend")
    (OUT / "blender_assets.cats.txt").write_text(CATALOGUES)


if __name__ == "__main__":
    if "--" in sys.argv and "--background" in sys.argv:
        build_library(*sys.argv[sys.argv.index("--") + 1 :])
    else:
        main()
