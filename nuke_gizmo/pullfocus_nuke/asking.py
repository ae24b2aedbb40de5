# SPDX-License-Identifier: Apache-2.0
"""Shows a dialog in Nuke, and returns what was answered."""

from __future__ import annotations

from typing import Any, Mapping

import nuke

from pullfocus_nuke.dialogs import Dialog

__all__ = ["asked"]


def asked(dialog: Dialog, starts: Mapping[str, str | bool]) -> dict[str, Any] | None:
    """Ask, and return the answers by label; None: cancelled.

    Args:
        dialog: what to ask.
        starts: what stands in each field at first, by label; of a choice its words with spaces
            between. Fields that are not named are left out.
    """
    panel: Any = nuke.Panel(dialog.title)
    add = {
        "text": panel.addSingleLineInput,
        "choice": panel.addEnumerationPulldown,
        "folder": panel.addFilenameSearch,
        "tick": panel.addBooleanCheckBox,
        "note": panel.addNotepad,
    }
    there = [field for field in dialog.fields if field.label in starts]
    for field in there:
        add[field.kind](field.label, starts[field.label])
    if not panel.show():
        return None
    return {field.label: panel.value(field.label) for field in there if field.kind != "note"}
