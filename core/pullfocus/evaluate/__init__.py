# SPDX-License-Identifier: Apache-2.0
"""What a result is worth, measured against a clip with truth."""
