# SPDX-License-Identifier: Apache-2.0
"""pullfocus: sharp layered shots from misfocused footage."""

__version__ = "0.1.0"
