# SPDX-License-Identifier: Apache-2.0
"""Weight tables that are kept from call to call, and how C is told of them."""

import ctypes
from collections import OrderedDict
from collections.abc import Callable

from cuda_lensblur.kernel import Kernel
from cuda_lensblur.table import COARSE_STEP_PX, WeightTable, weight_table

__all__ = ["ARRAYS", "TABLES_KEPT", "CTable", "described", "table_for"]

ARRAYS = ("weights", "changes", "centre", "extent", "reach", "flat", "inner")
"""Of a table, in C's order."""
TABLES_KEPT = 4
"""So many kernels."""


class CTable(ctypes.Structure):
    """``WeightTable`` of kernels/weight_table.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ARRAYS),
        ("nodes", ctypes.c_int32),
        ("knee", ctypes.c_int32),
        ("fine_step", ctypes.c_float),
        ("coarse_step", ctypes.c_float),
        ("mirrored", ctypes.c_int32),
    )


_tables: OrderedDict[tuple[Kernel, bool], tuple[int, WeightTable]] = OrderedDict()


def table_for(kernel: Kernel, max_radius_px: float, *, flats: bool) -> WeightTable:
    """Return a table that reaches the radius: each kernel's grows, and serves smaller radii."""
    held = _tables.pop((kernel, flats), None)
    size = held[0] if held is not None else 4
    while size < max_radius_px:
        size = size * 3 // 2 if size < 64 else size + 32
    if held is None or held[0] < size:
        held = size, weight_table(kernel, size, flats=flats)
    _tables[kernel, flats] = held
    while len(_tables) > TABLES_KEPT:
        _tables.popitem(last=False)
    return held[1]


def described(table: WeightTable, address: Callable[[str], int]) -> CTable:
    """Describe a table for C.

    Args:
        table: the numbers.
        address: says where an array of `ARRAYS` lies; it must stay there until the call returns.
    """
    return CTable(
        *(address(name) for name in ARRAYS),
        len(table.extent),
        table.knee,
        table.fine_step,
        COARSE_STEP_PX,
        int(table.mirrored),
    )
