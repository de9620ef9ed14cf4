"""From a finished run to a checkpoint that people load by its name."""
