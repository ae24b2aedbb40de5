# SPDX-License-Identifier: Apache-2.0
"""pullfocus: sharp layered shots from misfocused footage."""

import os

__version__ = "0.1.0"

# Threads that spin long while they wait take the cores from each other wherever anything else runs:
# beside one other solve every step then takes five times as long. A short spin costs nothing on an
# idle machine (none at all costs a third). Read when torch is first imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # torch on Linux
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # on macOS and Windows, where 0.2 s is usual
