"""The network of a command, and whether it is the store's."""

import argparse

from dlheir.errors import InputError
from dlheir.hashing import Hasher, open_hasher
from dlheir.store.policy import NO_NETWORK, Policy
from dlheir.store_commands.arguments import checkpoint_of


def hasher_for(arguments: argparse.Namespace, policy: Policy) -> Hasher:
    """Load the network that the arguments name, for a store.

    Raises:
        InputError: there is none, or another network has made the codes of the store.
    """
    checkpoint = checkpoint_of(arguments)
    hasher = open_hasher(checkpoint, arguments.precision)
    if policy.network not in (NO_NETWORK, bytes.fromhex(hasher.checkpoint_sha256)):
        raise InputError(
            f"{checkpoint}: not the network that made this store's codes, and codes of two "
            f"networks do not compare; give the file with SHA-256 {policy.network.hex()}"
        )
    return hasher
