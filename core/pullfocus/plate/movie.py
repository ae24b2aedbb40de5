# SPDX-License-Identifier: Apache-2.0
"""Movies through PyAV: quick in order, possible in any order, in bounded memory."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pullfocus.plate.colour import Encoding
from pullfocus.plate.image import Picture
from pullfocus.plate.reel import file_stamp
from pullfocus.plate.sequence import PLATE, Role, choose_frames, range_text
from pullfocus.shot import OnDisk

if TYPE_CHECKING:
    import av

__all__ = ["MovieReel"]

_KEPT = 4
"""Decoded frames kept, so that reading a frame and its neighbour again costs nothing."""
_LOG_TRANSFERS = {9: "log", 10: "log", 16: "PQ", 18: "HLG"}
"""Transfer characteristics (ITU-T H.273) that sRGB would misread badly."""
_ITU709, _ITU601, _FULL = 1, 5, 2
"""swscale's numbers for the YCbCr matrices and for full range."""


class MovieReel:
    """A movie file as numbered frames, 1 to T in the order they are shown."""

    is_movie = True

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        folder: Path | None = None,
        frames: str | Sequence[int] | None = None,
        role: Role = PLATE,
    ) -> None:
        self.name, self.label = name, path.name
        self._path, self._role = path, role
        self.on_disk = OnDisk(what=role.what, files=(path,), folder=folder)
        self._container: Any = None
        self._decoder: Iterator[av.VideoFrame] | None = None
        self._next = 0
        self._kept: OrderedDict[int, Picture] = OrderedDict()

        self._pts, self._keys, promised, self._countable = self._scan()
        available = range(1, len(self._pts) + 1)
        notes = []
        if promised > len(self._pts):
            problem = (
                f"{role.what}: {self._path} is truncated: {promised} frames promised, "
                f"{len(self._pts)} found; frame {len(self._pts) + 1} is the first missing"
            )
            if frames is None:
                raise role.error(f"{problem}; choose with --frames 1-{len(self._pts)}")
            notes.append(problem)
        self.frames = choose_frames(available, frames, label=self.label, role=role)
        picture = self._first_picture(notes)
        self.height, self.width = picture.colour.shape[:2]
        self.notes = tuple(notes)

    def _fail(self, text: str) -> Exception:
        return self._role.error(f"{self._role.what}: {self._path} {text}")

    def _open(self) -> tuple[Any, Any]:
        import av

        try:
            with self._path.open("rb"):
                pass
            container = av.open(str(self._path))
        except av.FFmpegError as error:
            raise self._fail(f"is truncated or no movie: {error.strerror}") from error
        except OSError as error:
            raise self._fail(f"cannot be read: {error.strerror}") from error
        if not container.streams.video:
            container.close()
            raise self._fail("is truncated or holds no picture stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return container, stream

    def _scan(self) -> tuple[list[int], list[int], int, bool]:
        """Walk the packets, which is quick: times shown, key frames, frames promised."""
        import av

        container, stream = self._open()
        times: list[int | None] = []
        keys: list[int] = []
        try:
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    times.append(packet.pts)
                    if packet.is_keyframe and packet.pts is not None:
                        keys.append(packet.pts)
        except av.FFmpegError:
            pass  # what can be read counts; the promise below tells what is missing
        promised = stream.frames
        rate = stream.average_rate or stream.guessed_rate
        if not promised and container.duration and rate and len(container.streams) == 1:
            # Only without sound, which may outlast the picture; a little slack for rounding.
            length = round(container.duration * rate / 1_000_000)
            promised = length if length > len(times) * 1.02 + 2 else 0
        self.rate = Fraction(rate) if rate else None
        container.close()
        known = [time for time in times if time is not None]
        if not times:
            raise self._fail("is truncated or holds no frame")
        if len(set(known)) == len(times):
            return sorted(known), sorted(keys), promised, True
        return list(range(len(times))), [], promised, False

    def _first_picture(self, notes: list[str]) -> Picture:
        """Read the first chosen frame and what it says of all of them."""
        frame = self._decode(self.frames[0] - 1)
        what = f"{self._role.what}: {self.label}"
        self.has_alpha = any(part.is_alpha for part in frame.format.components)
        transfer = _LOG_TRANSFERS.get(int(frame.color_trc))
        self.encoding: Encoding = "log" if transfer else "encoded"
        aspect = self._container.streams.video[0].sample_aspect_ratio
        self.pixel_aspect = float(aspect) if aspect else 1.0
        self._turns = round(frame.rotation / 90)
        if frame.rotation % 90:
            raise self._fail(f"asks to be turned by {frame.rotation} degrees, expected 90s")
        if self._turns % 2:
            self.pixel_aspect = 1 / self.pixel_aspect
        if self._turns % 4:
            notes.append(
                f"{what}: turned {-frame.rotation % 360} degrees clockwise, as the file asks"
            )
        if frame.interlaced_frame:
            notes.append(f"{what}: interlaced; the two fields of a frame are not separated")
        # Containers round times to their own clock (1 ms in Matroska): 2 units are no variation.
        steps = np.diff(self._pts)
        if self._countable and len(steps) and np.ptp(steps) > max(2, 0.1 * float(np.median(steps))):
            notes.append(f"{what}: frame times vary; frames are numbered in order")
        return self._keep(self.frames[0] - 1, frame)

    def read(self, index: int) -> Picture:
        """Read frame ``frames[index]``; see ``Reel``."""
        position = self.frames[index] - 1
        if position in self._kept:
            self._kept.move_to_end(position)
            return self._kept[position]
        picture = self._keep(position, self._decode(position))
        if picture.colour.shape[:2] != (self.height, self.width):
            height, width = picture.colour.shape[:2]
            raise self._role.error(
                f"{self._role.what}: frame {position + 1} ({self._path}) is {width}x{height}, "
                f"expected {self.width}x{self.height} like frame {self.frames[0]}"
            )
        return picture

    def _keep(self, position: int, frame: "av.VideoFrame") -> Picture:
        picture = _picture(frame, self.has_alpha, self._turns)
        self._kept[position] = picture
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return picture

    def _decode(self, position: int) -> "av.VideoFrame":
        """Decode the frame at a position, going on from the last one where that is nearer."""
        key = self._key_before(position)
        if self._decoder is None or position < self._next or self._next < key:
            self._rewind(position if key else 0)
        frame = self._advance(position)
        if frame is None and key:
            self._rewind(0)  # a seek may land too late; from the start nothing is missed
            frame = self._advance(position)
        if frame is None or frame.is_corrupt:
            self._decoder = None
            raise self._role.error(
                f"{self._role.what}: frame {position + 1} ({self._path}) cannot be decoded: "
                f"truncated or damaged"
            )
        return frame

    def _key_before(self, position: int) -> int:
        """Position of the key frame that a frame needs; 0 where seeking is not possible."""
        if not self._countable:
            return 0
        found = bisect_right(self._keys, self._pts[position]) - 1
        return bisect_right(self._pts, self._keys[found]) - 1 if found >= 0 else 0

    def _rewind(self, position: int) -> None:
        if self._container is not None:
            self._container.close()
        self._container, stream = self._open()
        self._next = 0
        if position:
            self._container.seek(self._pts[position], stream=stream, backward=True)
        self._decoder = self._container.decode(stream)

    def _advance(self, position: int) -> "av.VideoFrame | None":
        import av

        assert self._decoder is not None
        try:
            for frame in self._decoder:
                at = self._position(frame)
                self._next = at + 1
                if at >= position:
                    return frame if at == position else None
        except (av.FFmpegError, EOFError):
            pass  # the caller names the frame that is missing
        self._decoder = None
        return None

    def _position(self, frame: "av.VideoFrame") -> int:
        if self._countable and frame.pts is not None:
            at = bisect_right(self._pts, frame.pts) - 1
            if at >= 0:
                return at
        return self._next

    def stamp(self) -> str:
        """Path, size and time of the file, and the frames chosen."""
        return f"{file_stamp(self._path)} {range_text(self.frames)}"


def _picture(frame: "av.VideoFrame", alpha: bool, turns: int) -> Picture:
    """(H, W, 3) code values 0..1 and alpha of a decoded frame, turned upright."""
    components = frame.format.components
    deep = any(part.bits > 8 for part in components)
    layout = {
        (False, False): "rgb24",
        (False, True): "rgba",
        (True, False): "rgb48le",
        (True, True): "rgba64le",
    }[(deep, alpha)]
    matrix = int(frame.colorspace)
    if matrix == 2:  # not told: high definition is BT.709, the rest BT.601
        matrix = _ITU709 if frame.height >= 720 else _ITU601
    if frame.format.is_rgb:
        codes = frame.to_ndarray(format=layout)
    else:
        codes = frame.to_ndarray(
            format=layout, src_colorspace=matrix, dst_colorspace=_ITU709, dst_color_range=_FULL
        )
    values = np.rot90(codes, turns).astype(np.float32) / np.float32(65535 if deep else 255)
    values = np.ascontiguousarray(values)
    return Picture(colour=values[..., :3], alpha=values[..., 3] if alpha else None, straight=True)
