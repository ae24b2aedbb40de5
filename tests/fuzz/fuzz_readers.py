# SPDX-License-Identifier: Apache-2.0
"""Hostile files: one reader is fed with spoilt ones, as many as are asked for.

    python tests/fuzz/fuzz_readers.py TARGET COUNT [SEED]

Only errors that a user is meant to see may come out, within seconds, in bounded memory. Anything
else ends the run with a code other than 0 and leaves the input behind. Deterministic by its seed.
"""

import faulthandler
import io
import json
import random
import resource
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pullfocus.errors import PullfocusError

SLOWEST_S = 60
"""What a batch of inputs may take before the run is ended from outside of Python."""
BATCH = 20
MEMORY = 12 << 30
"""Address space, bytes: what the largest picture that a header may admit needs, with its copies."""
_WORDS = (b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"0", b"true", b"9999999999", b'"')
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Read = Callable[[bytes], object]


def spoil(data: bytes, rng: random.Random) -> bytes:
    """Change a few places, most of them near the start, where headers are."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        size = len(out)
        reach = size if rng.random() < 0.3 else min(size, 600)
        at = rng.randrange(reach) if reach else 0
        kind = rng.randrange(8)
        if kind == 0 and size:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and size:
            out[at] = rng.randrange(256)
        elif kind == 2:
            form = rng.choice(("<I", ">I", "<H", ">H", "<B"))
            number = rng.choice(_NUMBERS) & ((1 << 8 * struct.calcsize(form)) - 1)
            out[at : at + struct.calcsize(form)] = struct.pack(form, number)
        elif kind == 3:
            del out[at : at + rng.choice((1, 2, 4, 16, 64))]
        elif kind == 4:
            piece = out[at : at + rng.choice((1, 4, 16, 64))]
            out[at:at] = piece * rng.choice((1, 2, 20))
        elif kind == 5:
            out[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16)))
        elif kind == 6:
            out[at : at + rng.randrange(1, 6)] = rng.choice(_WORDS)
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


def file_reader(work: Path, name: str, read: Callable[[Path], object]) -> Read:
    """Read bytes as a file, which stays behind when something goes wrong."""
    path = work / name

    def reader(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return reader


def still(work: Path, ending: str) -> tuple[list[bytes], Read]:
    """A still, as a plate."""
    from pullfocus.plate.image import read_picture
    from pullfocus.plate.sequence import PLATE

    def read(path: Path) -> None:
        read_picture(path, frame=1, role=PLATE)

    return still_seeds(work, ending), file_reader(work, f"a.{ending}", read)


def still_seeds(work: Path, ending: str) -> list[bytes]:
    """Small stills of every kind that this format knows."""
    import OpenImageIO as oiio

    kinds = {"exr": ("half", "float"), "png": ("uint8", "uint16"), "tif": ("uint8", "float")}
    seeds = []
    for kind in kinds.get(ending, ("uint8",)):
        for count in (3, 4) if ending != "jpg" else (3,):
            for extra in ({}, {"compression": "piz"}) if ending == "exr" else ({},):
                path = work / f"seed.{ending}"
                spec = oiio.ImageSpec(12, 9, count, kind)
                spec.attribute("Orientation", 6)
                spec.attribute("PixelAspectRatio", 1.5)
                for name, value in extra.items():
                    spec.attribute(name, value)
                out = oiio.ImageOutput.create(str(path))
                assert out.open(str(path), spec), out.geterror()
                out.write_image(np.random.default_rng(count).random((9, 12, count), np.float32))
                out.close()
                seeds.append(path.read_bytes())
                path.unlink()
    return seeds


def movie(work: Path, ending: str, codec: str, pix_fmt: str) -> tuple[list[bytes], Read]:
    """A movie: its index, its first and its last frame."""
    import av
    from pullfocus.plate.movie import MovieReel

    av.logging.set_level(av.logging.PANIC)
    path = work / f"seed.{ending}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 16, pix_fmt
        for index in range(3):
            pixels = np.full((16, 32, 3), 40 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    seed = path.read_bytes()
    path.unlink()

    def read(path: Path) -> None:
        reel = MovieReel(path, name="a")
        for index in (0, len(reel.frames) - 1):
            reel.read(index)

    return [seed], file_reader(work, f"a.{ending}", read)


def palette(work: Path) -> tuple[list[bytes], Read]:
    """An indexed PNG, as the matte of a plate."""
    from pullfocus.plate.matte import open_matte
    from pullfocus.plate.reel import open_reel

    (work / "plate.png").write_bytes(still_seeds(work, "png")[0])
    plate = open_reel(str(work / "plate.png"))
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress((b"\0" + bytes([0, 1, 2] * 3)) * 12)
    head = struct.pack(">IIBBBBB", 9, 12, 8, 3, 0, 0, 0)
    seed = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"PLTE", bytes((0, 0, 0, 9, 0, 0, 0, 9, 9)))
    )
    seed += chunk(b"cICP", bytes((9, 16, 0, 1))) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

    def read(path: Path) -> None:
        open_matte("fg", f"{path}:1", plate=plate)

    return [seed], file_reader(work, "m.png", read)


def crypto(work: Path) -> tuple[list[bytes], Read]:
    """A Cryptomatte's header and manifest."""
    import OpenImageIO as oiio
    from pullfocus.plate.cryptomatte import cryptomattes, pick
    from pullfocus.plate.sequence import matte_role

    role, path = matte_role("fg"), work / "seed.exr"
    spec = oiio.ImageSpec(4, 4, 4, "float")
    spec.channelnames = tuple(f"crypto00.{end}" for end in "RGBA")
    spec.attribute("cryptomatte/abc/name", "crypto")
    spec.attribute("cryptomatte/abc/manifest", '{"hero":"13851a76","wall":"01234567"}')
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    out.write_image(np.zeros((4, 4, 4), np.float32))
    out.close()
    seed = path.read_bytes()
    path.unlink()

    def read(path: Path) -> None:
        pick(cryptomattes(path, frame=1, role=role), "hero", "here", role)

    return [seed], file_reader(work, "c.exr", read)


def profile(work: Path) -> tuple[list[bytes], Read]:
    """An ICC profile."""
    from pullfocus.plate.tagged import _icc_processor, from_icc

    tags = [(kind, b"XYZ \0\0\0\0" + struct.pack(">3i", 30000, 20000, 9000)) for kind in
            (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt")]  # fmt: skip
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, 563, 0)
    tags += [(kind, curve) for kind in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for kind, data in tags:
        table += kind + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"none", 0x04000000, b"mntr", b"RGB ", b"XYZ "
    )
    head = (head.ljust(36, b"\0") + b"acsp").ljust(128, b"\0")

    def read(data: bytes) -> None:
        from_icc.cache_clear()
        _icc_processor.cache_clear()
        from_icc(data, "fuzz")

    return [head + table + body], read


def names(work: Path) -> tuple[list[bytes], Read]:
    """What a user types: paths, patterns, ranges, what follows a colon."""
    from pullfocus.plate.selector import read_selector, split_selector
    from pullfocus.plate.sequence import find_footage, matte_role, parse_frames

    role = matte_role("fg")
    for name in ("a.0001.exr", "a.0002.exr", "b.-0003.png", "c 7.jpg", "d#2.mov", "e.exr:x.exr"):
        (work / name).touch()
    seeds = ["a.####.exr", "a.%04d.exr:mask.A", "b.-####.png:shift=3", "d#2.mov:1:invert",
             "1001-1060x2,7", "e.exr:crypto:hero:hold", "1-9:2", "../a.#.exr"]  # fmt: skip

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        path, rest = split_selector(text)
        for part in (lambda: read_selector(rest, role), lambda: parse_frames(text)):
            try:
                part()
            except PullfocusError:
                pass
        find_footage(f"{work}/{path}", role=role)

    return [seed.encode() for seed in seeds], read


def passes(work: Path) -> tuple[list[bytes], Read]:
    """passes.json, in the command and in both hosts."""
    root = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(root), str(root / "nuke_gizmo")]
    from pullfocus.passes.passes_json import read_passes_json
    from pullfocus_nuke import errors as nuke_errors
    from pullfocus_nuke import passes as nuke

    from blender_addon import errors as blender_errors
    from blender_addon import passes as blender

    seed = json.dumps(
        {
            "version": 1,
            "name": "shot",
            "file_pattern": "shot.####.exr",
            "frames": [1001, 1002],
            "width": 64,
            "height": 48,
            "rate": "24/1",
            "pixel_aspect": 1.0,
            "colorspace": "ACEScg",
            "coc": {"sign": "near_negative", "unit": "px_radius"},
            "layers": [{"name": "bg", "atlas": "atlas_bg.exr", "atlas_size": [80, 60]}],
            "focus": {"1001": 1.5, "1002": 2.0},
        }
    ).encode()

    def read(path: Path) -> None:
        for reader, fine in (
            (read_passes_json, PullfocusError),
            (blender.read_passes, blender_errors.AddonError),
            (lambda text: nuke.read_passes(str(text)), nuke_errors.GizmoError),
        ):
            try:
                reader(path)
            except fine:
                pass

    return [seed], file_reader(work, "passes.json", read)


def settings(work: Path) -> tuple[list[bytes], Read]:
    """settings.json, as a bake opens it."""
    from dataclasses import asdict

    from pullfocus.solve.folder import FORMAT, read_settings
    from pullfocus.solve.inputs import ShotInputs
    from pullfocus.solve.settings import SolveSettings, settings_from_record

    inputs = ShotInputs(plate="p.####.exr", mattes=(("fg", "m.####.png:alpha"),)).record(work)
    record = {"format": FORMAT, "settings": asdict(SolveSettings()), "inputs": inputs}
    seed = json.dumps(record).encode()

    def read(path: Path) -> None:
        found = read_settings(path.parent)
        settings_from_record(found["settings"])
        if found["inputs"] is not None:
            ShotInputs.from_record(found["inputs"], base=work)

    return [seed], file_reader(work, "settings.json", read)


def tensors(work: Path) -> tuple[list[bytes], Read]:
    """A checkpoint."""
    import torch
    from pullfocus import checkpoint

    path = work / "seed.safetensors"
    checkpoint.save(path, {"a": torch.zeros(3, 4), "b": torch.zeros(2)}, {"step": 7})
    seed = path.read_bytes()
    path.unlink()
    return [seed], file_reader(work, "checkpoint.safetensors", checkpoint.load)


def paint(work: Path) -> tuple[list[bytes], Read]:
    """Paint over an atlas of 9 x 12."""
    from pullfocus.edit.paint import read_paint

    def read(path: Path) -> None:
        read_paint(path, width=9, height=12, working_space="lin_rec709_srgb")

    return still_seeds(work, "png"), file_reader(work, "paint.png", read)


TARGETS: dict[str, Callable[[Path], tuple[list[bytes], Read]]] = {
    "names": names,
    "passes": passes,
    "settings": settings,
    "exr": lambda work: still(work, "exr"),
    "png": lambda work: still(work, "png"),
    "jpg": lambda work: still(work, "jpg"),
    "dpx": lambda work: still(work, "dpx"),
    "tif": lambda work: still(work, "tif"),
    "mov": lambda work: movie(work, "mov", "mjpeg", "yuvj420p"),
    "webm": lambda work: movie(work, "webm", "libvpx", "yuv420p"),
    "palette": palette,
    "crypto": crypto,
    "profile": profile,
    "tensors": tensors,
    "paint": paint,
}


def run(target: str, count: int, seed: int) -> int:
    """Feed the target; the exit code."""
    memory = Path("/dev/shm")
    work = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
    seeds, read = TARGETS[target](work)
    for data in seeds:
        try:
            read(data)  # whole files are read, or the run would prove nothing
        except PullfocusError as error:
            if target not in ("names", "passes", "settings"):
                print(f"{target}: a whole file is refused: {error}")
                return 2
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rng = random.Random(f"{target} {seed}")
    refused = 0
    for number in range(count):
        if number % BATCH == 0:
            faulthandler.dump_traceback_later(SLOWEST_S, exit=True)
        data = spoil(rng.choice(seeds), rng)
        try:
            read(data)
        except PullfocusError as error:
            refused += 1
            if "\n" in str(error) and target != "names":  # names may hold line ends themselves
                print(f"{target} {number}: more than one line: {error!r}\n{data!r}")
                return 3
        except BaseException as error:
            print(f"{target} {number}: {type(error).__name__}: {error}\n{data!r}", flush=True)
            if isinstance(error, Exception) and "--raise" in sys.argv:
                raise
            return 4
    faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(work, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{target}: {count} inputs, {refused} refused, peak {peak:.0f} MB")
    return 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, errors="backslashreplace", write_through=True)
    sys.exit(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
