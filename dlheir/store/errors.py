"""What can go wrong in the store."""

from dlheir.errors import InputError


class StoreError(Exception):
    """The store could not do its work; the message is one line that names the file."""


class StoreInputError(StoreError, InputError):
    """The store was given something wrong: a file that is none, a code of another length."""


class EnvelopeError(Exception):
    """A sealed picture does not open: wrong key, wrong picture id, or changed bytes.

    Which of them it was cannot be told apart, and nothing of the picture is handed out.
    """
