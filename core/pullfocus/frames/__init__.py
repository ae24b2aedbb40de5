# SPDX-License-Identifier: Apache-2.0
"""Folders of frames that a verb writes: prepared, continued, told of in every header."""
