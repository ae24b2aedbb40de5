# SPDX-License-Identifier: Apache-2.0
"""Read by Nuke at every start, on the farm too: says where PullFocus's gizmos and modules are.

Whatever goes wrong here is printed, and Nuke starts.
"""

import os
import sys

import nuke


def _add_paths() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (as Nuke has it)
    if here not in sys.path:
        sys.path.append(here)
    nuke.pluginAddPath("{}/gizmos".format(here.replace("\\", "/")))


try:
    _add_paths()
except Exception as error:
    print(f"pullfocus: not there in this session: {error}", file=sys.stderr)
