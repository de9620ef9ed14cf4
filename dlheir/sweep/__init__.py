"""A grid of runs over GPUs and machines."""
