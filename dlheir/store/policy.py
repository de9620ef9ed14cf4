"""What an owner decides once for a store, and every grant repeats under the owner's signature."""

from dataclasses import dataclass
from typing import Literal, get_args

from dlheir.errors import InputError
from dlheir.retrieval import packed_bytes

Mode = Literal["plain", "keyed", "client"]
MODES: tuple[Mode, ...] = get_args(Mode)

STORE_ID_BYTES = 16
NETWORK_BYTES = 32
NO_NETWORK = bytes(NETWORK_BYTES)
POLICY_BYTES = STORE_ID_BYTES + 2 + 1 + NETWORK_BYTES
CODE_NONCE_BYTES = 16
MAX_BITS = 2**16 - 1


@dataclass(frozen=True)
class Policy:
    """The settings of a store.

    Attributes:
        store_id: 16 random bytes; keys and envelopes of one store are worthless in another.
        bits: code length, 1 to 65,535.
        mode: how codes are protected from the server: not (`plain`, the paper), by a secret
            transform (`keyed`), or sealed (`client`).
        network: SHA-256 of the checkpoint that makes the codes, or `NO_NETWORK`.
    """

    store_id: bytes
    bits: int
    mode: Mode
    network: bytes = NO_NETWORK

    def __post_init__(self) -> None:
        if len(self.store_id) != STORE_ID_BYTES or len(self.network) != NETWORK_BYTES:
            raise InputError("policy: expected a store id of 16 and a network hash of 32 bytes")
        if not 1 <= self.bits <= MAX_BITS:
            raise InputError(f"bits: {self.bits}, expected 1 to {MAX_BITS}")
        if self.mode not in MODES:
            raise InputError(f"codes: {self.mode!r}, expected one of {', '.join(MODES)}")

    @property
    def stored_code_bytes(self) -> int:
        """Bytes of one stored code: packed, after a nonce where it is sealed."""
        nonce = CODE_NONCE_BYTES if self.mode == "client" else 0
        return nonce + packed_bytes(self.bits)

    def encode(self) -> bytes:
        """Return 51 bytes: store id, bits (u16), mode (u8: 0, 1, 2), network."""
        mode = MODES.index(self.mode)
        return self.store_id + self.bits.to_bytes(2) + mode.to_bytes(1) + self.network

    @classmethod
    def decode(cls, encoded: bytes) -> "Policy":
        """Undo `encode`.

        Raises:
            InputError: when the bytes are no policy.
        """
        if len(encoded) != POLICY_BYTES or encoded[18] >= len(MODES):
            raise InputError("policy: not the bytes of one")
        return cls(encoded[:16], int.from_bytes(encoded[16:18]), MODES[encoded[18]], encoded[19:])
