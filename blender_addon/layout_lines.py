# SPDX-License-Identifier: GPL-3.0-or-later
"""Long sentences in panels: Blender cuts what does not fit, and breaks no lines."""

from __future__ import annotations

import textwrap
from typing import Any

_SIDEBAR = 34
"""Characters that a sidebar shows beside an icon, at the width that Blender starts with."""


def draw_lines(layout: Any, text: str, icon: str, width: int = _SIDEBAR) -> None:
    """Show a long sentence below one icon, so many characters a line."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")
