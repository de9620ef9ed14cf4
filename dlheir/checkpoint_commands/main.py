"""`dlheir checkpoints COMMAND`: what there is to do, and the way to each command."""

from collections.abc import Sequence

from dlheir.command_group import CommandGroup

STORY = """\
usage: dlheir checkpoints COMMAND [ARGUMENTS]

Trained networks by name, such as mobilenet_v2.corel5k_48b. A name goes wherever the path of a
checkpoint does; its file is downloaded if it has to be, and held to the registry's SHA-256.

Whoever uses them:
  dlheir checkpoints list                          what there is, and what it scores
  dlheir checkpoints download NAME                 bring the file; prints where it is
  dlheir checkpoints verify [NAME ...]             do they compute here what they did there?
  dlheir checkpoints export NAME --format onnx     for other programs, held against PyTorch
  dlheir test --ckpt_path NAME --data.root PICTURES              the scores of its card again
  dlheir store add DIR PICTURES --keys owner.keys --checkpoint NAME       your own pictures
Whoever trains them:
  dlheir checkpoints publish runs/EXPERIMENT/RUN_ID      file, card, registry entry, tables

The registry that names are looked up in is --registry, else DLHEIR_REGISTRY, else what comes with
dlheir. Files come from where their URLs say, which may be relative to --base
(DLHEIR_CHECKPOINTS_BASE), a folder or URL; else to the registry's folder. --offline, or
DLHEIR_OFFLINE=1, uses no network.
dlheir checkpoints COMMAND --help explains a command, with an example.
"""

COMMANDS = ("list", "download", "verify", "export", "publish")


def main(argv: Sequence[str]) -> None:
    """Run `dlheir checkpoints`.

    Raises:
        InputError: an argument or the input is wrong.
        WorkError: a file cannot be had or is another, or a check failed.
    """
    CommandGroup("checkpoints", "dlheir.checkpoint_commands", COMMANDS, STORY).main(argv)
