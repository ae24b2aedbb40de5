# SPDX-License-Identifier: Apache-2.0
"""What pullfocus says when it cannot go on: one clear line, no traceback."""

__all__ = ["ColourError", "MatteError", "PassesError", "PlateError", "PullfocusError", "SolveError"]


class PullfocusError(Exception):
    """Bad input or an impossible request. The text is one line: expected, got, where."""

    def __init__(self, text: object = "") -> None:
        """Hold the line; what cannot be printed, as names in files may have it, is spelt out."""
        spelt = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
        super().__init__("".join(spelt))


class PlateError(PullfocusError):
    """Footage that is missing, unreadable or inconsistent."""


class MatteError(PullfocusError):
    """A matte that does not fit its plate, or holds nothing."""


class ColourError(PullfocusError):
    """A colour space that is unknown, missing, or cannot be assumed."""


class SolveError(PullfocusError):
    """A solve that cannot start, go on, or be read back."""


class PassesError(PullfocusError):
    """Passes or a truth clip that are missing or do not follow the contract."""
