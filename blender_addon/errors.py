# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension says when it cannot go on."""


class AddonError(Exception):
    """Bad input or an impossible request. The text is one line: expected, got, where."""
