# SPDX-License-Identifier: Apache-2.0
"""Painting an atlas once and seeing it in every frame."""
