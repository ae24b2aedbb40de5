# SPDX-License-Identifier: Apache-2.0
"""What the lens blur refuses, and why a kernel is missing."""

__all__ = ["BuildError", "LensBlurError"]


class LensBlurError(ValueError):
    """An argument the lens blur cannot use. One line: expected, got, name."""


class BuildError(RuntimeError):
    """The native kernel could not be built; the text names the log."""
