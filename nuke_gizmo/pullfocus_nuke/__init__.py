# SPDX-License-Identifier: Apache-2.0
"""pullfocus inside Nuke: standard library only, Python 3.7 grammar, no torch.

`build` turns the descriptions `refocus_gizmo`, `atlas_gizmo` and `cg_gizmo` into .gizmo files; the
rest runs in Nuke and talks to pullfocus through files and its command line.
"""

VERSION = "0.1.0"
