# SPDX-License-Identifier: Apache-2.0
"""The COC network: circle of confusion read off a single defocused frame."""
