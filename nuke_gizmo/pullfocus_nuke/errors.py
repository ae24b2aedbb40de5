# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the Nuke side, in one line that a message box can show."""

__all__ = ["GizmoError"]


class GizmoError(Exception):
    """Something the artist can mend: expected, got, where."""
