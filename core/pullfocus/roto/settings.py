# SPDX-License-Identifier: Apache-2.0
"""How a matte is followed."""

from dataclasses import dataclass

__all__ = ["FollowSettings"]


@dataclass(frozen=True)
class FollowSettings:
    """Lengths are px of the frames that are followed on: at most `working_px` wide or high."""

    working_px: int = 640
    """Longest side that is worked on; mattes of larger frames are brought up to size."""
    band_px: float = 6.0
    """How far on either side of the expected edge the edge is looked for."""
    shape_weight: float = 0.1
    """How strongly the expected edge holds, beside the affinity of neighbouring pixels."""
    colour_weight: float = 0.1
    """How strongly known colours of subject and background decide."""
    noise: float = 0.03
    """Difference of linear light that says nothing."""
    coarse_px: int = 320
    """Longest side at which a subject that changed its outline is looked for,"""
    search_px: float = 16.0
    """so far, in px of that size, from where it is expected."""
    bend_px: float = 16.0
    """Over which length the key's outline may bend."""
    offsets: tuple[int, ...] = (2, -2, 4, -4, 8, -8, 14, -14)
    """Frames, from this one, that show what is behind the subject."""
    gaps: tuple[int, ...] = (1, 3)
    """Frames, before and after this one, that show what moves with the background."""
    reacquire: bool = True
    """Look for a subject that has left the frame."""
