# SPDX-License-Identifier: Apache-2.0
"""pullfocus: sharp layered shots from misfocused footage."""

import os

__version__ = "0.1.0"

# Threads that spin while they wait take the cores from each other wherever anything else runs:
# beside one other job a solve then takes ten times as long. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
