# SPDX-License-Identifier: Apache-2.0
"""What the paper's solver needs and the fast one does not: tracked points, networks fitted."""
