# SPDX-License-Identifier: Apache-2.0
"""A first cut that is no truth is mended by what other frames tell."""

import cv2
import numpy as np
from crossing_clip import draw
from pullfocus.roto.follow import follow
from pullfocus.roto.outline import overlap
from pullfocus.roto.start import Clue


def test_a_marked_frame_is_mended_by_the_others() -> None:
    clip = draw([50 + 14.0 * t for t in range(5)])
    truth = clip.alphas[2] > 0.5
    ys, xs = np.nonzero(truth)
    likely = np.zeros(truth.shape, bool)
    likely[ys.min() - 4 : ys.max() + 5, xs.min() - 4 : xs.max() + 5] = True
    clue = Clue(inside=np.zeros_like(likely), outside=~likely, likely=likely)
    # a corner of the wall taken in, a third of the card cut off
    spoiled = truth.copy()
    spoiled[ys.max() - 22 :] = False
    spoiled[ys.min() - 4 : ys.min() + 14, xs.min() - 4 : xs.min() + 18] = True
    found = follow(clip.frames, {2: spoiled.astype(np.float32)}, doubted={2: clue})
    shares = [overlap(one.distance > 0, a > 0.5) for one, a in zip(found, clip.alphas, strict=True)]
    assert shares[2] > overlap(spoiled, truth) + 0.15
    assert found[2].confidence < 1
    assert not (found[2].distance > 0)[
        cv2.erode((~likely).astype(np.uint8), np.ones((3, 3))) > 0
    ].any()
