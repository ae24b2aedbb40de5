# SPDX-License-Identifier: Apache-2.0
"""Pulling focus again: where it lies in every frame, and the frame seen through such a lens."""
