"""`dlheir store COMMAND`: the whole story, and the way to each command."""

from collections.abc import Sequence

from dlheir.command_group import CommandGroup

STORY = """\
usage: dlheir store COMMAND [ARGUMENTS]

Search pictures on a machine that must not see them.

The owner seals them into a folder, DIR, that any server may hold:
  dlheir store keygen owner.keys                           keys; prints the owner's public key
  dlheir store init DIR --keys owner.keys --checkpoint CKPT          an empty store
  dlheir store add DIR PICTURES --keys owner.keys --checkpoint CKPT  hash, seal, upload
The server holds DIR and no key:
  dlheir store status DIR                                  what it holds
  dlheir store verify DIR                                  look for damage
A query user searches and opens the answers:
  dlheir store keygen user.keys --user --owner OWNERPUBLIC          (the user)
  dlheir store authorize DIR USERPUBLIC --name NAME --keys owner.keys   (the owner)
  dlheir store search DIR --query PICTURE --keys user.keys --checkpoint CKPT
Later, the owner:
  dlheir store revoke DIR NAME --keys owner.keys           new keys, for the other users
  dlheir store rotate DIR --keys owner.keys                new keys, for all users
  dlheir store remove DIR PICTURENAME --keys owner.keys    take pictures out

CKPT is a checkpoint's name, as dlheir checkpoints list shows them, or a file: a run's, a published
or an exported one. --checkpoint is DLHEIR_CHECKPOINT; --keys is DLHEIR_KEYS, else dlheir.keys here.
A passphrase is asked for in a terminal, elsewhere it is DLHEIR_PASSPHRASE; keep key files out of
DIR.
dlheir store COMMAND --help explains a command, with an example.
"""

COMMANDS = (
    "keygen",
    "init",
    "add",
    "search",
    "authorize",
    "revoke",
    "rotate",
    "remove",
    "status",
    "verify",
)


def main(argv: Sequence[str]) -> None:
    """Run `dlheir store`.

    Raises:
        InputError: an argument or the input is wrong.
    """
    CommandGroup("store", "dlheir.store_commands", COMMANDS, STORY).main(argv)
