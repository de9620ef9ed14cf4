"""The encrypted store of the paper (section 3): data owner, cloud server and query user.

The paper's six functions (section 3.2) and where they are:

| paper                  | executed by  | here                                                   |
|------------------------|--------------|--------------------------------------------------------|
| KeyGen(1^k) -> K       | data owner   | `OwnerKeys.generate()`, k = 256                        |
| EncImg(K, M) -> E      | data owner   | `DataOwner.upload`, which calls `seal` on each picture |
| hashgen(M, bits) -> HC | data owner   | the network's `model.codes(images)`; not in here       |
| TrapGen(Q) -> HC_q     | query user   | `model.codes(query)`, then `QueryUser.trapdoor`        |
| Search(HC, HC_q) -> R  | cloud server | `CloudServer.search`; in mode `client` the user, locally |
| Dec(K, R) -> Img_R     | query user   | `QueryUser.open_answers`, which calls `open_envelope`  |

`FORMAT.md` specifies every byte, `THREATS.md` says who learns what. Nothing in this package imports
torch, and `dlheir.store.server` imports no cryptography: the names below are imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlheir.store.envelope import open_envelope, seal
    from dlheir.store.errors import (
        ConflictError,
        EnvelopeError,
        GrantError,
        KeyFileError,
        LyingServerError,
        StoreError,
        StoreInputError,
    )
    from dlheir.store.grants import make_grant, open_grants
    from dlheir.store.keyfile import KeyFile
    from dlheir.store.keys import Access, OwnerKeys, UserKeys, new_policy
    from dlheir.store.owner import DataOwner, Picture, Upload
    from dlheir.store.policy import Policy
    from dlheir.store.record import Leaf, Record
    from dlheir.store.root import SignedRoot
    from dlheir.store.server import CloudServer
    from dlheir.store.user import Answers, Opened, QueryUser

__all__ = [
    "Access",
    "Answers",
    "CloudServer",
    "ConflictError",
    "DataOwner",
    "EnvelopeError",
    "GrantError",
    "KeyFile",
    "KeyFileError",
    "Leaf",
    "LyingServerError",
    "Opened",
    "OwnerKeys",
    "Picture",
    "Policy",
    "QueryUser",
    "Record",
    "SignedRoot",
    "StoreError",
    "StoreInputError",
    "Upload",
    "UserKeys",
    "make_grant",
    "new_policy",
    "open_envelope",
    "open_grants",
    "seal",
]

_HOME = {
    "Access": "keys",
    "Answers": "user",
    "CloudServer": "server",
    "ConflictError": "errors",
    "DataOwner": "owner",
    "EnvelopeError": "errors",
    "GrantError": "errors",
    "KeyFile": "keyfile",
    "KeyFileError": "errors",
    "Leaf": "record",
    "LyingServerError": "errors",
    "Opened": "user",
    "OwnerKeys": "keys",
    "Picture": "owner",
    "Policy": "policy",
    "QueryUser": "user",
    "Record": "record",
    "SignedRoot": "root",
    "StoreError": "errors",
    "StoreInputError": "errors",
    "Upload": "owner",
    "UserKeys": "keys",
    "make_grant": "grants",
    "new_policy": "keys",
    "open_envelope": "envelope",
    "open_grants": "grants",
    "seal": "envelope",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
