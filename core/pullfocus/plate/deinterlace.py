# SPDX-License-Identifier: Apache-2.0
"""Whole frames out of interlaced ones: FFmpeg's bwdif, one frame for each."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

__all__ = ["deinterlaced"]


def deinterlaced(
    before: "av.VideoFrame", frame: "av.VideoFrame", after: "av.VideoFrame"
) -> "av.VideoFrame":
    """The whole frame at the time of ``frame``'s first field, told from its neighbours.

    Args:
        before: the frame before, or ``frame`` itself at the start.
        frame: the frame wanted.
        after: the frame behind, or ``frame`` itself at the end.
    """
    import av

    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base,
    )
    chain = [graph.add("bwdif", "mode=send_frame:deint=all"), graph.add("buffersink")]
    source.link_to(chain[0])
    chain[0].link_to(chain[1])
    graph.configure()
    found: list[Any] = []
    # Times must rise, and are not told of every frame: the filter needs their order alone.
    kept = [(one, one.pts) for one in {id(f): f for f in (before, frame, after)}.values()]
    try:
        for index, one in enumerate((before, frame, after)):
            one.pts = index
            source.push(one)
        source.push(None)
        while len(found) < 3:
            found.append(chain[1].pull())
    except (av.BlockingIOError, EOFError):
        pass
    finally:
        for one, pts in kept:
            one.pts = pts
    result: av.VideoFrame = found[min(1, len(found) - 1)]
    return result
