# SPDX-License-Identifier: Apache-2.0
"""Movies through PyAV: quick in order, possible in any order, in bounded memory."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus.plate.colour import Encoding
from pullfocus.plate.contents import contents_stamp
from pullfocus.plate.deinterlace import deinterlaced
from pullfocus.plate.image import Picture
from pullfocus.plate.movie_index import index_movie, picture_stream
from pullfocus.plate.movie_picture import (
    MATRICES,
    colour_matrix,
    orientation,
    rgb_picture,
    tagged_frame,
)
from pullfocus.plate.orientation import UPRIGHT, describe, swaps_sides
from pullfocus.plate.sequence import PLATE, Role, choose_frames, range_text
from pullfocus.shot import OnDisk, Window

if TYPE_CHECKING:
    import av

__all__ = ["MovieReel"]

_KEPT = 4
"""Decoded frames kept, so that reading a frame and its neighbour again costs nothing."""
_MOST_PIXELS = 1 << 27
"""16384 x 8192; a decoder holds several frames."""
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders leave out the alpha that WebM carries beside the picture."""
_UNTOLD, _BT2020 = 2, 9


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
        deinterlace: bool | None = None,
    ) -> None:
        self.name, self.label = name, path.name
        self._path, self._role, self.deinterlace = path, role, deinterlace
        self.on_disk = OnDisk(what=role.what, files=(path,), folder=folder)
        self._container: Any = None
        self._stream: Any = None
        self._decoder: Iterator[av.VideoFrame] | None = None
        self._next = 0
        self._kept: OrderedDict[int, Picture] = OrderedDict()
        self._raw: OrderedDict[int, av.VideoFrame] = OrderedDict()

        if role.layer is not None:
            raise role.error(f"{role.what}: --plate-layer: {path.name} is a movie, without layers")
        container, stream = self._open()
        self._index = index_movie(path, container, stream)
        container.close()
        count = len(self._index.pts)
        if not count:
            raise self._fail("is truncated or holds no frame")
        self.rate = self._index.rate
        notes = []
        if self._index.promised > count:
            problem = (
                f"{role.what}: {self._path} is truncated: {self._index.promised} frames promised, "
                f"{count} found; frame {count + 1} is the first missing"
            )
            if frames is None:
                raise role.error(f"{problem}; choose with --frames 1-{count}")
            notes.append(problem)
        self.frames = choose_frames(range(1, count + 1), frames, label=self.label, role=role)
        picture = self._first_picture(notes)
        self.height, self.width = picture.colour.shape[:2]
        self.display = self.data = Window(0, 0, self.width, self.height)
        self.notes = tuple(notes)

    def _fail(self, text: str) -> Exception:
        return self._role.error(f"{self._role.what}: {self._path} {text}")

    def _open(self) -> tuple[Any, Any]:
        import av

        try:
            with self._path.open("rb"):
                pass
            container = av.open(str(self._path), metadata_errors="replace")
        except av.FFmpegError as error:
            raise self._fail(f"is truncated or no movie: {error.strerror}") from error
        except OSError as error:
            raise self._fail(f"cannot be read: {error.strerror}") from error
        stream = picture_stream(container)
        if stream is None:
            container.close()
            raise self._fail("is truncated or holds no picture stream")
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > _MOST_PIXELS:
            container.close()
            raise self._fail(f"is {width}x{height}, more than can be worked on")
        # The size may change on the way, and what a packet claims is allocated at once.
        stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
        stream.thread_type = "AUTO"
        return container, stream

    def _first_picture(self, notes: list[str]) -> Picture:
        """Read the first chosen frame and what it says of all of them."""
        position = self.frames[0] - 1
        frame = self._decode(position)
        what = f"{self._role.what}: {self.label}"
        self.has_alpha = any(part.is_alpha for part in frame.format.components)
        self.encoding: Encoding = "encoded"
        self.largest_code = (1 << max(part.bits for part in frame.format.components)) - 1
        self.tagged = tagged_frame(frame)
        matrix = colour_matrix(frame)
        if not frame.format.is_rgb and matrix not in MATRICES:
            raise self._fail(
                f"has a colour matrix (H.273: {matrix}) that is not decoded; expected one of "
                f"{', '.join(dict.fromkeys(MATRICES.values()))}"
            )
        coloured = len(frame.format.components) >= 3 and not frame.format.is_rgb
        if int(frame.colorspace) == _UNTOLD and coloured and not self._role.any_channel:
            if matrix != _BT2020:
                notes.append(
                    f"{what}: its colour matrix is not told; {MATRICES[matrix]} by its size"
                )
        container, stream = self._container, self._stream
        others = sum(one.index != stream.index for one in container.streams.video)
        if others:
            noun = "stream" if others == 1 else "streams"
            notes.append(
                f"{what}: picture stream {stream.index} is used, {others} other {noun} (covers, "
                "thumbnails, further pictures) left out"
            )
        aspect = stream.sample_aspect_ratio
        self.pixel_aspect = float(aspect) if aspect else 1.0
        turned = orientation(frame)
        if turned is None:
            raise self._fail(f"asks to be turned by {frame.rotation} degrees, expected 90s")
        self._orientation = turned
        if swaps_sides(turned):
            self.pixel_aspect = 1 / self.pixel_aspect
        if turned != UPRIGHT:
            notes.append(f"{what}: {describe(turned)}, as the file asks")
        interlaced = frame.interlaced_frame or int(stream.codec_context.field_order) > 1
        if interlaced and self.deinterlace:
            notes.append(f"{what}: interlaced; each frame is made whole from its first field")
        elif interlaced and self.deinterlace is False:
            notes.append(f"{what}: marked as interlaced; taken as whole frames")
        elif interlaced:
            raise self._fail(
                "is interlaced: expected whole frames; --deinterlace makes them, --progressive "
                "takes frames as they are"
            )
        if self._index.varies:
            rate = f"{float(self.rate):.4g}" if self.rate else "unknown"
            notes.append(
                f"{what}: frame times vary; frames are numbered in order, {rate} a second on "
                "average"
            )
        return self._keep(position)

    def read(self, index: int) -> Picture:
        """Read frame ``frames[index]``; see ``Reel``."""
        position = self.frames[index] - 1
        if position in self._kept:
            self._kept.move_to_end(position)
            return self._kept[position]
        picture = self._keep(position)
        if picture.colour.shape[:2] != (self.height, self.width):
            height, width = picture.colour.shape[:2]
            raise self._role.error(
                f"{self._role.what}: frame {position + 1} ({self._path}) is {width}x{height}, "
                f"expected {self.width}x{self.height} like frame {self.frames[0]}"
            )
        return picture

    def _keep(self, position: int) -> Picture:
        frame = self._decode(position)
        if self.deinterlace:
            last = len(self._index.pts) - 1
            before = self._decode(max(position - 1, 0))
            frame = self._decode(position)
            frame = deinterlaced(before, frame, self._decode(min(position + 1, last)))
        elif self.deinterlace is None and frame.interlaced_frame:
            raise self._fail(
                f"frame {position + 1} is interlaced: expected whole frames; --deinterlace makes "
                "them, --progressive takes frames as they are"
            )
        picture = rgb_picture(frame, alpha=self.has_alpha, orientation=self._orientation)
        self._kept[position] = picture
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return picture

    def _decode(self, position: int) -> "av.VideoFrame":
        """Decode the frame at a position, going on from the last one where that is nearer."""
        if position in self._raw:
            return self._raw[position]
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
        self._raw[position] = frame
        while len(self._raw) > (3 if self.deinterlace else 1):
            self._raw.popitem(last=False)
        return frame

    def _key_before(self, position: int) -> int:
        """Position of the key frame that a frame needs; 0 where seeking is not possible."""
        if not self._index.timed:
            return 0
        pts, keys = self._index.pts, self._index.keys
        found = bisect_right(keys, pts[position]) - 1
        return bisect_right(pts, keys[found]) - 1 if found >= 0 else 0

    def _rewind(self, position: int) -> None:
        if self._container is not None:
            self._container.close()
        self._container, self._stream = self._open()
        self._next = 0
        if position:
            self._container.seek(self._index.pts[position], stream=self._stream, backward=True)
        self._decoder = _decoded(self._container, self._stream)

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
        if self._index.timed and frame.pts is not None:
            at = bisect_right(self._index.pts, frame.pts) - 1
            if at >= 0:
                return at
        return self._next

    def stamp(self) -> str:
        """What the file holds, and the frames chosen."""
        return f"{contents_stamp([self._path])} {range_text(self.frames)} {self.deinterlace}"


def _decoded(container: Any, stream: Any) -> Iterator["av.VideoFrame"]:
    """The frames of a stream, with the alpha that a WebM carries beside its picture."""
    import av

    beside = _ALPHA_DECODERS.get(stream.codec_context.name)
    told = {name.lower(): value for name, value in stream.metadata.items()}
    if told.get("alpha_mode") != "1" or beside not in av.codecs_available:
        yield from container.decode(stream)
        return
    decoder: Any = av.CodecContext.create(beside, "r")
    for packet in container.demux(stream):
        yield from decoder.decode(packet)  # the last packet is empty and flushes
