# SPDX-License-Identifier: Apache-2.0
"""Where in a frame a result errs: subject, its edge, background; detail, holes, motion.

Pictures are float (H, W, 3), display-encoded (sRGB curve), 0..1; mattes are (H, W), 0..1. The
silhouette is where true coverage crosses one half.
"""

import cv2
import numpy as np

from pullfocus.evaluate.metrics import mean_squared_error, psnr_of_error
from pullfocus.observe.flow import dense_flow, grey

__all__ = ["EDGE_PX", "SURE_PX", "detail", "flow_error", "holes_percent", "region_psnr", "regions"]

EDGE_PX = 12
"""The edge reaches so far to both sides of the silhouette."""
SURE_PX = 6
"""Farther from the silhouette than this, a matte is beyond doubt."""
_HIGHEST_DB = 60.0


def regions(alpha: np.ndarray) -> dict[str, np.ndarray]:
    """Return masks (H, W) of subject, edge and background, by name; a mask may be empty.

    Subject and background share the frame between them, the edge lies over both.
    """
    inside = np.asarray(alpha) > 0.5
    near = _dilated(inside, EDGE_PX) & _dilated(~inside, EDGE_PX)
    return {"subject": inside, "edge": near, "background": ~inside}


def region_psnr(result: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """PSNR in dB where a mask is true, at most 60 so that means stay finite; NaN over no pixel."""
    return float(
        np.minimum(psnr_of_error(mean_squared_error(result, truth, where=where)), _HIGHEST_DB)
    )


def detail(result: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Gradient energy over the truth's: 1 is as sharp, more is sharpened, less is soft.

    The mean of the squared differences to the right and lower neighbour, of all channels; NaN where
    the truth is flat or `where` (H, W) is empty.
    """
    true = _gradient_energy(truth, where)
    return _gradient_energy(result, where) / true if true > 0 else float("nan")


def _gradient_energy(picture: np.ndarray, where: np.ndarray | None) -> float:
    values = np.asarray(picture, np.float64)
    across = np.diff(values, axis=1, append=values[:, -1:])
    down = np.diff(values, axis=0, append=values[-1:])
    energy = (across**2 + down**2).sum(-1)
    chosen = energy if where is None else energy[where]
    return float(chosen.mean()) if chosen.size else float("nan")


def holes_percent(matte: np.ndarray, truth: np.ndarray) -> float:
    """Share of what is beyond doubt where a matte is wrong, percent.

    Beyond doubt is what lies farther than 6 px from the silhouette; wrong is less than half inside,
    more than half outside. NaN where nothing is beyond doubt.
    """
    inside = np.asarray(truth) > 0.5
    sure_out, sure_in = ~_dilated(inside, SURE_PX), ~_dilated(~inside, SURE_PX)
    sure = np.count_nonzero(sure_in) + np.count_nonzero(sure_out)
    wrong = np.count_nonzero(sure_in & (matte < 0.5)) + np.count_nonzero(sure_out & (matte > 0.5))
    return 100 * wrong / sure if sure else float("nan")


def flow_error(
    result_before: np.ndarray, result: np.ndarray, truth_before: np.ndarray, truth: np.ndarray
) -> float:
    """tOF: mean distance in px between the result's optical flow and the truth's.

    Flow is DIS from the frame before to this one (Chu et al. 2020 take Farneback's); frames wider
    than 960 px are reduced for it.
    """
    own = dense_flow(grey(result_before), grey(result))
    true = dense_flow(grey(truth_before), grey(truth))
    px = truth.shape[1] / true.shape[1]
    return float(np.hypot(*np.moveaxis(own - true, -1, 0)).mean() * px)


def _dilated(mask: np.ndarray, px: int) -> np.ndarray:
    """Grow a mask by a disc of radius `px`."""
    if not mask.any():
        return mask
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away) <= px
