"""The encrypted store of the paper (section 3): data owner, cloud server and query user.

The paper's six functions (section 3.2) and where they are:

| paper                  | executed by  | here                                                   |
|------------------------|--------------|--------------------------------------------------------|
| KeyGen(1^k) -> K       | data owner   | `generate_key()`, k = 256                              |
| EncImg(K, M) -> E      | data owner   | `DataOwner.upload`, which calls `seal` on each picture |
| hashgen(M, bits) -> HC | data owner   | the network's `model.codes(images)`; not in here       |
| TrapGen(Q) -> HC_q     | query user   | `model.codes(query)`, then `QueryUser.trapdoor`        |
| Search(HC, HC_q) -> R  | cloud server | `CloudServer.search` for ids, then `get` for pictures  |
| Dec(K, R) -> Img_R     | query user   | `QueryUser.open_answers`, through `open_envelope`      |

Who learns what is in `THREATS.md`, beside this file. Nothing in this package imports torch, and
`dlheir.store.server` imports no cryptography: the names below are imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlheir.store.envelope import open_envelope, seal
    from dlheir.store.errors import EnvelopeError, StoreError, StoreInputError
    from dlheir.store.keys import generate_key
    from dlheir.store.owner import DataOwner, Upload
    from dlheir.store.record import Record
    from dlheir.store.server import CloudServer
    from dlheir.store.user import QueryUser

__all__ = [
    "CloudServer",
    "DataOwner",
    "EnvelopeError",
    "QueryUser",
    "Record",
    "StoreError",
    "StoreInputError",
    "Upload",
    "generate_key",
    "open_envelope",
    "seal",
]

_HOME = {
    "CloudServer": "server",
    "DataOwner": "owner",
    "EnvelopeError": "errors",
    "QueryUser": "user",
    "Record": "record",
    "StoreError": "errors",
    "StoreInputError": "errors",
    "Upload": "owner",
    "generate_key": "keys",
    "open_envelope": "envelope",
    "seal": "envelope",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
