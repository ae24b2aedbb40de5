# SPDX-License-Identifier: Apache-2.0
"""A solve as a job of a render farm: bundles of Open Job Description."""
