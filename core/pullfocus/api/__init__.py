# SPDX-License-Identifier: Apache-2.0
"""What ``import pullfocus`` offers; everything else may change from one version to the next."""
