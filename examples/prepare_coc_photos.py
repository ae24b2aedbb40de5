# SPDX-License-Identifier: Apache-2.0
"""Fetch the photographs and textures that the COC network is trained on, and cut sharp tiles.

    python examples/prepare_coc_photos.py --out FOLDER

Everything comes from Debian 12 packages, through apt, by an explicit list with author, licence and
SHA-256 of every picture: core/pullfocus/coc/weights/sources.csv. About 1.7 GB is downloaded; the
pictures stay in FOLDER. Whole pictures are held out for evaluation: FOLDER/tiles/train and
FOLDER/tiles/held. Needs apt-get and dpkg-deb, no root.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
from pullfocus.coc.tiles import TILE_PX, cut_tiles, save_bank

LIST = Path(__file__).parents[1] / "core/pullfocus/coc/weights/sources.csv"
_PHOTO_LONG_PX = 1600
"""Photographs are shrunk to this: away go noise, demosaicing and leftover blur."""
_TEXTURE_SCALES = (1.0, 0.6)
_MOST = {"photo": 24, "texture": 3}


def fetch(package: str, version: str, folder: Path) -> Path:
    """Download and unpack one package; what is there already is kept."""
    unpacked = folder / package
    if unpacked.is_dir():
        return unpacked
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", f"{package}={version}"], cwd=debs, check=True)
    deb = next(debs.glob(f"{package}_*.deb"))
    beside = folder / f".{package}.tmp"
    subprocess.run(["dpkg-deb", "-x", str(deb), str(beside)], check=True)
    beside.rename(unpacked)
    return unpacked


def main() -> int:
    """Fetch, check, cut, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for packages and tiles")
    out = parser.parse_args().out
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tiles: dict[tuple[str, str], list] = {
        (role, kind): [] for role in ("train", "held") for kind in ("photo", "texture")
    }
    for row in rows:
        path = fetch(row["package"], row["version"], out) / row["file"]
        if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            print(f"{path}: expected SHA-256 {row['sha256']}, left out", file=sys.stderr)
            continue
        picture = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        longest = max(picture.shape[:2])
        scales = _TEXTURE_SCALES if row["kind"] == "texture" else (_PHOTO_LONG_PX / longest,)
        for scale in scales:
            small = picture
            if scale < 1:
                small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            stride = TILE_PX // 2 if row["kind"] == "photo" else TILE_PX - 64
            found = cut_tiles(small, most=_MOST[row["kind"]], stride=stride)
            tiles[row["role"], row["kind"]].extend(found)
    for role in ("train", "held"):
        save_bank(out / "tiles" / role, tiles[role, "photo"], tiles[role, "texture"])
        counts = {kind: len(tiles[role, kind]) for kind in ("photo", "texture")}
        print(f"{role}: {counts} tiles in {out / 'tiles' / role}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
