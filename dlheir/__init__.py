"""Deep-hashing retrieval of encrypted pictures: a PyTorch Lightning model zoo."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlheir import retrieval
    from dlheir.checkpoints import list_checkpoints
    from dlheir.models import get_model, list_models, load_checkpoint

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "get_model",
    "list_checkpoints",
    "list_models",
    "load_checkpoint",
    "retrieval",
]

_HOME = {
    "get_model": "dlheir.models",
    "list_checkpoints": "dlheir.checkpoints",
    "list_models": "dlheir.models",
    "load_checkpoint": "dlheir.models",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import dlheir` and the store need no torch."""
    if name == "retrieval":
        return importlib.import_module("dlheir.retrieval")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'dlheir' has no attribute {name!r}")
