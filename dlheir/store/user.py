"""The query user: asks with a trapdoor and opens the answers."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dlheir.retrieval import check_codes
from dlheir.store.envelope import open_envelope
from dlheir.store.errors import EnvelopeError
from dlheir.store.keys import check_key
from dlheir.store.server import CloudServer


class QueryUser:
    """Holds the key that the data owner gave them."""

    def __init__(self, key: bytes) -> None:
        """Take the key.

        Raises:
            InputError: when the key is none.
        """
        self._key = check_key(key)

    def trapdoor(self, codes: ArrayLike) -> NDArray[np.uint8]:
        """Make what the server is asked with (the paper's TrapGen(Q) -> HC_q).

        In the paper the trapdoor is the query's code itself: the server reads it.

        Args:
            codes: (Q, bits) in {0, 1}, the query pictures' codes.

        Returns:
            (Q, bits) uint8 in {0, 1}, for `CloudServer.search`.

        Raises:
            InputError: when `codes` are no codes.
        """
        return check_codes(codes, "query codes")

    def open_answers(
        self, server: CloudServer, picture_ids: Iterable[bytes]
    ) -> Iterator[tuple[bytes, bytes]]:
        """Fetch sealed pictures and decrypt them (the paper's Dec(K, R) -> Img_R).

        Args:
            server: where they are.
            picture_ids: one row of ids from `CloudServer.search`, or any ids.

        Yields:
            (picture id, bytes of the picture's file) in that order; each is verified first.

        Raises:
            StoreInputError: on an id that the server does not hold.
            EnvelopeError: on a picture that does not open; the message names its id.
        """
        wanted = list(picture_ids)
        for picture_id, envelope in zip(wanted, server.get(wanted), strict=True):
            try:
                plain = open_envelope(self._key, picture_id, envelope)
            except EnvelopeError as error:
                raise EnvelopeError(f"picture {picture_id.hex()}: {error}") from None
            yield picture_id, plain
