# SPDX-License-Identifier: Apache-2.0
"""From an observed shot to a solved model."""
