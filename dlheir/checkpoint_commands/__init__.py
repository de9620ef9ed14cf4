"""The command line of checkpoints: `dlheir checkpoints COMMAND`."""
