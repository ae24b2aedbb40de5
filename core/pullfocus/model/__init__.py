# SPDX-License-Identifier: Apache-2.0
"""Layers: mapping, texture, matte and circle of confusion, and how they form a frame."""
