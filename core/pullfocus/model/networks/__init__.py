# SPDX-License-Identifier: Apache-2.0
"""Layers as networks, the paper's way: mapping, matte and atlas as MLPs, a CNN that draws."""
