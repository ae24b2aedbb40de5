# SPDX-License-Identifier: Apache-2.0
"""Write the .gizmo files from their descriptions: ``python -m nuke_gizmo.build``."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from pullfocus_nuke.gizmo_files import gizmo_files  # noqa: E402 (beside this file)


def main() -> None:
    """Write every file beside the plug-in."""
    for name, text in gizmo_files().items():
        (HERE / "gizmos" / name).write_text(text, encoding="ascii")
        print("wrote nuke_gizmo/gizmos/" + name)


if __name__ == "__main__":
    main()
