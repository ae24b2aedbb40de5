# SPDX-License-Identifier: Apache-2.0
"""Which frames a movie shows, in which order and how fast: read from packets, without decoding."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MovieIndex", "index_movie", "picture_stream"]

_RATES = tuple(
    rate
    for whole in (12, 15, 24, 25, 30, 48, 50, 60, 72, 90, 96, 100, 120, 240)
    for rate in (Fraction(whole), Fraction(whole * 1000, 1001))
)
_SAME_RATE = 2e-4
"""24 and 24000/1001 lie 1e-3 apart."""


@dataclass(frozen=True, kw_only=True)
class MovieIndex:
    """The frames that are shown."""

    pts: tuple[int, ...]
    """Times in units of the stream, rising; without times just 0, 1, 2..."""
    keys: tuple[int, ...]
    """Times of key frames."""
    timed: bool
    """Every frame has a time of its own, so that one can be found by it."""
    promised: int
    """Frames that the header promises, where they are more than there are; else 0."""
    rate: Fraction | None
    varies: bool
    """Frames do not follow each other at even times."""


def picture_stream(container: Any) -> Any | None:
    """The stream of moving pictures: the first that is no cover, best of its kind."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    moving = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & still
    ]
    best = container.streams.best("video")
    if best is not None and any(stream.index == best.index for stream in moving):
        return best
    return moving[0] if moving else None


def index_movie(path: Path, container: Any, stream: Any) -> MovieIndex:
    """Walk the packets of an open movie, which is quick."""
    import av

    times: list[int | None] = []
    keys: list[int] = []
    cut = 0
    hidden = stream.codec_context.name == "vp8"
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.is_discard:  # before or behind what an edit list shows
                cut += 1
            elif not (hidden and not bytes(packet)[0] >> 4 & 1):  # VP8 frames may be for reference
                times.append(packet.pts)
                if packet.is_keyframe and packet.pts is not None:
                    keys.append(packet.pts)
    except av.FFmpegError:
        pass  # what can be read counts; the promise tells what is missing
    known = sorted({time for time in times if time is not None})
    timed = bool(times) and len(known) == len(times)
    pts = known if timed else list(range(len(times)))
    rate, varies = _rate(stream, pts if timed else ())
    return MovieIndex(
        pts=tuple(pts),
        keys=tuple(sorted(keys)) if timed else (),
        timed=timed,
        promised=_promised(path, container, stream, len(times), cut, rate),
        rate=rate,
        varies=varies,
    )


def _promised(
    path: Path, container: Any, stream: Any, found: int, cut: int, rate: Fraction | None
) -> int:
    if stream.frames:
        if found + cut >= stream.frames or not found:
            return 0
        # Whole groups of pictures outside of an edit list are not even handed over.
        if "mov" in container.format.name and _without_edits(path) >= stream.frames:
            return 0
        return int(stream.frames) - cut
    if container.duration and rate and len(container.streams) == 1 and not cut:
        # Only without sound, which may outlast the picture; a little slack for rounding.
        length = round(container.duration * rate / 1_000_000)
        return length if length > found * 1.02 + 2 else 0
    return 0


def _without_edits(path: Path) -> int:
    """Frames that lie in the file, shown or not."""
    import av

    try:
        with av.open(
            str(path), options={"ignore_editlist": "1"}, metadata_errors="replace"
        ) as container:
            stream = picture_stream(container)
            return sum(bool(packet.size) for packet in container.demux(stream)) if stream else 0
    except av.FFmpegError:
        return 0


def _rate(stream: Any, pts: Sequence[int]) -> tuple[Fraction | None, bool]:
    """Frames a second as a true fraction, and whether times vary."""
    told = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    if len(pts) < 2 or not stream.time_base:
        return (_standard(told[0]) if told else None), False
    steps = np.diff(pts)
    # Containers round times to their own clock (1 ms in Matroska): 2 units are no variation.
    varies = bool(np.ptp(steps) > max(2, 0.1 * float(np.median(steps))))
    measured = Fraction(len(pts) - 1) / (Fraction(pts[-1] - pts[0]) * stream.time_base)
    slack = 2 / float(pts[-1] - pts[0])  # what rounding to the clock may have moved
    for rate in told:
        if abs(rate / measured - 1) <= max(slack, 1e-6):
            return _standard(rate), varies
    return _standard(measured, slack), varies


def _standard(rate: Fraction, slack: float = 0.0) -> Fraction:
    nearest = min(_RATES, key=lambda known: abs(rate / known - 1))
    if abs(rate / nearest - 1) <= max(_SAME_RATE, slack):
        return nearest
    return rate.limit_denominator(1001)
