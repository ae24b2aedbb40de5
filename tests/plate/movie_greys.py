# SPDX-License-Identifier: Apache-2.0
"""What frames of a movie hold, read in any order."""

# SPDX-License-Identifier: Apache-2.0


def greys(reel, order=None):
    """The grey each frame was given, told from its middle."""
    count = range(len(reel.frames)) if order is None else order
    return [round(float(reel.read(int(index)).colour[24, 32, 1]) * 255) for index in count]
