# SPDX-License-Identifier: Apache-2.0
"""Motion of layers between frames, and as UV maps for hosts."""
