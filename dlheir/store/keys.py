"""Who holds which keys: the owner, a query user, and what either needs to ask and to open.

An owner's keys belong to one store, from the moment that it is made. Each key version has a secret
of 32 bytes from which all keys of pictures and codes are derived; the newest is the primary, under
which everything new is protected.
"""

import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from Crypto.Protocol.DH import import_x25519_private_key

from dlheir.errors import InputError
from dlheir.store import signing
from dlheir.store.derivation import KEY_BYTES, MAX_KEY_VERSION
from dlheir.store.errors import StoreInputError
from dlheir.store.policy import NO_NETWORK, STORE_ID_BYTES, Mode, Policy
from dlheir.store.record import PICTURE_ID_BYTES

_MAX_SEQUENCE = 2**64 - 1


def new_policy(bits: int, mode: Mode, network: bytes = NO_NETWORK) -> Policy:
    """Return the policy of a new store, with a random store id; the arguments are `Policy`'s."""
    return Policy(secrets.token_bytes(STORE_ID_BYTES), bits, mode, network)


@dataclass(frozen=True)
class Access:
    """What one needs to search a store and to open its pictures.

    Attributes:
        policy: the store's settings.
        owner_public: the owner's Ed25519 key, 32 bytes, which signs the store's roots.
        versions: the secret of each key version, 32 bytes.
    """

    policy: Policy
    owner_public: bytes
    versions: Mapping[int, bytes] = field(repr=False)


@dataclass
class OwnerKeys:
    """The data owner's keys.

    Attributes:
        naming_key: 32 bytes, makes picture ids of names.
        signing_key: 32 bytes, the Ed25519 seed.
        versions: the secret of each live key version, 32 bytes; the highest number is the primary.
        bound: the policy of the store that the keys belong to, None before there is one.
        users: X25519 public key, 32 bytes, of each authorised user by name.
        seen: the highest sequence number of a root that this owner has signed; a store that comes
            with an older one has been rolled back.
    """

    naming_key: bytes = field(repr=False)
    signing_key: bytes = field(repr=False)
    versions: dict[int, bytes] = field(repr=False)
    bound: Policy | None = None
    users: dict[str, bytes] = field(default_factory=dict)
    seen: int = 0

    @classmethod
    def generate(cls) -> "OwnerKeys":
        """Draw an owner's keys (the paper's KeyGen(1^k) -> K): k = 256, all from the system."""
        return cls(
            naming_key=secrets.token_bytes(KEY_BYTES),
            signing_key=signing.generate_signing_key(),
            versions={1: secrets.token_bytes(KEY_BYTES)},
        )

    def bind(self, policy: Policy) -> "OwnerKeys":
        """Tie the keys to a store, for good, and return them.

        Raises:
            StoreInputError: when they belong to another store or to other settings already.
        """
        if self.bound not in (None, policy):
            raise StoreInputError(
                "owner's keys: they belong to another store; generate new keys for this one"
            )
        self.bound = policy
        return self

    @property
    def policy(self) -> Policy:
        """The settings of the store that the keys belong to.

        Raises:
            StoreInputError: when they belong to none yet.
        """
        if self.bound is None:
            raise StoreInputError("owner's keys: they belong to no store yet; initialise one first")
        return self.bound

    @property
    def primary(self) -> int:
        """Number of the key version that protects what is new."""
        return max(self.versions)

    @property
    def owner_public(self) -> bytes:
        """The Ed25519 public key, 32 bytes, which users pin."""
        return signing.public_key(self.signing_key)

    def picture_id(self, name: str) -> bytes:
        """Return the 16 bytes by which the server knows the picture of this name.

        The same name always gives the same id, and without the naming key none can be guessed.

        Raises:
            InputError: when the name cannot be written in UTF-8.
        """
        try:
            encoded = name.encode()
        except UnicodeEncodeError:
            raise InputError(f"picture {name!r}: the name is not UTF-8; rename the file") from None
        return hmac.digest(self.naming_key, encoded, "sha256")[:PICTURE_ID_BYTES]

    def start_version(self) -> int:
        """Draw the secret of a new key version, which becomes the primary; return its number."""
        version = self.primary + 1
        self.versions[version] = secrets.token_bytes(KEY_BYTES)
        return version

    def access(self) -> Access:
        """Return what a user needs who may see everything there is now."""
        return Access(self.policy, self.owner_public, dict(self.versions))

    def to_json(self) -> dict[str, Any]:
        """Return all of it, secrets included, as a JSON object with bytes in hexadecimal."""
        return {
            "naming_key": self.naming_key.hex(),
            "signing_key": self.signing_key.hex(),
            "versions": {str(number): key.hex() for number, key in self.versions.items()},
            "policy": None if self.bound is None else self.bound.encode().hex(),
            "users": {name: key.hex() for name, key in self.users.items()},
            "seen": self.seen,
        }

    @classmethod
    def from_json(cls, value: Any) -> "OwnerKeys":
        """Undo `to_json`.

        Raises:
            StoreInputError: when it is not that; the message shows no secret.
        """
        with _refusals("owner's"):
            keys = cls(
                naming_key=_key(value["naming_key"]),
                signing_key=_key(value["signing_key"]),
                versions={_version(text): _key(key) for text, key in value["versions"].items()},
                bound=_policy(value["policy"]),
                users={name: _key(key) for name, key in value["users"].items()},
                seen=_sequence(value["seen"]),
            )
            if not keys.versions:
                raise ValueError
        return keys


@dataclass
class UserKeys:
    """A query user's keys; what they open comes to them by grants.

    Attributes:
        private_key: X25519, 32 bytes.
        owner_public: Ed25519 public key of the one owner whose grants and roots are believed.
        seen: by store id in hexadecimal, the highest sequence number of a root that the owner
            signed; a server that shows an older one is replaying.
    """

    private_key: bytes = field(repr=False)
    owner_public: bytes
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def generate(cls, owner_public: bytes) -> "UserKeys":
        """Draw a user's key from the operating system.

        Args:
            owner_public: 32 bytes, got from the owner by a way that the server is not on.
        """
        return cls(secrets.token_bytes(KEY_BYTES), owner_public)

    @property
    def public_key(self) -> bytes:
        """X25519, 32 bytes: what the owner authorises."""
        private = import_x25519_private_key(self.private_key)
        public: bytes = private.public_key().export_key(format="raw")
        return public

    def to_json(self) -> dict[str, Any]:
        """Return all of it, secrets included, as a JSON object with bytes in hexadecimal."""
        return {
            "private_key": self.private_key.hex(),
            "owner_public": self.owner_public.hex(),
            "seen": dict(self.seen),
        }

    @classmethod
    def from_json(cls, value: Any) -> "UserKeys":
        """Undo `to_json`.

        Raises:
            StoreInputError: when it is not that; the message shows no secret.
        """
        with _refusals("user's"):
            return cls(
                private_key=_key(value["private_key"]),
                owner_public=_key(value["owner_public"]),
                seen={store: _sequence(number) for store, number in value["seen"].items()},
            )


@contextmanager
def _refusals(whose: str) -> Iterator[None]:
    """Turn whatever is wrong with a JSON value into one error that repeats nothing of it."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError):
        raise StoreInputError(f"{whose} keys: damaged; bring them back from a copy") from None


def _key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _policy(text: str | None) -> Policy | None:
    return None if text is None else Policy.decode(bytes.fromhex(text))


def _version(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_KEY_VERSION:
        raise ValueError
    return number


def _sequence(number: Any) -> int:
    if type(number) is not int or not 0 <= number <= _MAX_SEQUENCE:
        raise ValueError
    return number
