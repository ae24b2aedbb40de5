# SPDX-License-Identifier: Apache-2.0
"""One text where several are taken: a string is one of them, not its letters."""

from collections.abc import Sequence

__all__ = ["several"]


def several(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return a text, or a sequence of them, as a tuple of texts."""
    return (given,) if isinstance(given, str) else tuple(given)
