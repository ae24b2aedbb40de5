# SPDX-License-Identifier: Apache-2.0
"""One way to say something: a message box where there is a window, a line where there is none."""

from __future__ import annotations

import nuke

__all__ = ["tell"]


def tell(text: str) -> None:
    """Say it."""
    if nuke.GUI:
        nuke.message(text)
    else:
        nuke.tprint(text)
