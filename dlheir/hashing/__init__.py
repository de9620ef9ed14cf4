"""From pictures to codes (the paper's hashgen): one way for the store and for measuring."""

from dlheir.hashing.hasher import Hasher
from dlheir.hashing.opening import open_hasher
from dlheir.hashing.pictures import Hashed, hash_pictures
from dlheir.hashing.torch_hasher import PRECISIONS, TorchHasher

__all__ = [
    "PRECISIONS",
    "Hashed",
    "Hasher",
    "TorchHasher",
    "hash_pictures",
    "open_hasher",
]
