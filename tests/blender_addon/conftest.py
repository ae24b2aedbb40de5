# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests in a real Blender."""

from tests.blender_addon.bpy_process import blender, references, results, solved

__all__ = ["blender", "references", "results", "solved"]
