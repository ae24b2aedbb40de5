# SPDX-License-Identifier: Apache-2.0
"""Read by Nuke when its window opens: PullFocus's menus and nothing else."""

import sys

import nuke


def _add_menus() -> None:
    from pullfocus_nuke import farming, following, importing, painting, solving, zdefocus_curve

    menu = nuke.menu("Nuke").addMenu("PullFocus")
    menu.addCommand("Solve...", solving.solve)
    menu.addCommand("Follow matte...", following.follow_matte)
    menu.addCommand("Send to farm...", farming.send_to_farm)
    menu.addCommand("Import passes...", importing.import_passes)
    menu.addCommand("Paint atlas...", painting.paint_atlas)
    menu.addCommand("Key a ZDefocus...", zdefocus_curve.key_zdefocus)
    menu.addSeparator()
    menu.addCommand("Set program...", solving.set_program)
    nodes = nuke.menu("Nodes").addMenu("PullFocus")
    for name in ("PullFocus", "PullFocusAtlas", "PullFocusLens"):
        nodes.addCommand(name, f"nuke.createNode('{name}')")


try:
    _add_menus()
except Exception as error:
    print(f"pullfocus: no menus in this session: {error}", file=sys.stderr)
