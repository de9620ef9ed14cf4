"""What hooks retrieval, checkpoints and logging into a run."""
