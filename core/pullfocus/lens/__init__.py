# SPDX-License-Identifier: Apache-2.0
"""The lens behind a shot: one depth and focus for all radii, the iris, breathing."""
