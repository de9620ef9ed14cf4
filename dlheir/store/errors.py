"""What can go wrong in the store."""

from dlheir.errors import InputError


class StoreError(Exception):
    """The store could not do its work; the message is one line that names the file."""


class StoreInputError(StoreError, InputError):
    """The store was given something wrong: a file that is none, a code of another length."""


class KeyFileError(StoreInputError):
    """A key file is none, is damaged, or does not open under the passphrase."""


class GrantError(StoreInputError):
    """A grant is not the pinned owner's, not for this user, or changed."""


class ConflictError(StoreError):
    """Somebody else has written to the store since it was read."""


class StaleTrapdoorError(StoreError):
    """The store holds pictures under a key version that the query has no trapdoor for."""


class EnvelopeError(Exception):
    """A sealed picture does not open: wrong key, store or picture id, or changed bytes.

    Which of them it was cannot be told apart, and nothing of the picture is handed out.
    """


class LyingServerError(Exception):
    """What the server handed out is not what the owner's signed root says; the message says how."""
