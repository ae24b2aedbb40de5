# SPDX-License-Identifier: Apache-2.0
"""A matte for every frame from a key, a box or strokes on one of them."""
