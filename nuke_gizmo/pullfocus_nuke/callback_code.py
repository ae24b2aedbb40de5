# SPDX-License-Identifier: Apache-2.0
"""The lines of Python that gizmos carry: they call the plug-in, and do nothing without it."""

__all__ = ["KNOB_CHANGED", "ON_CREATE"]

ON_CREATE = """\
try:
    from pullfocus_nuke import callbacks
    callbacks.created(nuke.thisNode())
except ImportError:
    pass
"""
KNOB_CHANGED = """\
try:
    from pullfocus_nuke import callbacks
    callbacks.changed(nuke.thisNode(), nuke.thisKnob())
except ImportError:
    pass
"""
