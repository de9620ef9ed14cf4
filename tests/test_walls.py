"""What each package may import, seen in a fresh process."""

import pkgutil
import subprocess
import sys

import pytest

import dlheir.store

LIGHTNING = ("pytorch_lightning", "lightning_fabric", "torchmetrics")
CRYPTOGRAPHY = ("Crypto", "cryptography")
STORE = [f"dlheir.store.{module.name}" for module in pkgutil.iter_modules(dlheir.store.__path__)]


@pytest.mark.parametrize(
    ("imported", "kept_out"),
    [
        ("dlheir", ("torch", *LIGHTNING, "faiss")),
        ("dlheir.cli", ("torch", *LIGHTNING)),
        (
            "dlheir.checkpoints",
            ("torch", *LIGHTNING, "dlheir.models", "requests", "fsspec", "wandb"),
        ),
        ("dlheir.checkpoints.download", ("torch", *LIGHTNING, "dlheir.models", "wandb")),
        ("dlheir.models", (*LIGHTNING, "dlheir.store", "dlheir.data")),
        ("dlheir.hashing", (*LIGHTNING, "dlheir.data", "dlheir.task", "onnxruntime")),
        ("dlheir.objectives", (*LIGHTNING, "dlheir.store", "dlheir.data", "dlheir.models")),
        ("dlheir.data", ("dlheir.models", "dlheir.store", "dlheir.task")),
        ("dlheir.retrieval", ("torch", *LIGHTNING, *CRYPTOGRAPHY, "dlheir.store", "dlheir.data")),
        ("dlheir.store.server", CRYPTOGRAPHY),
        ("dlheir.store_commands.main", ("torch", *LIGHTNING)),
        ("dlheir.sweep.ledger", ("torch", *LIGHTNING)),
        ("dlheir.report.main", ("torch", *LIGHTNING, "ray", "wandb", "faiss")),
        (",".join(STORE), ("torch", *LIGHTNING, "dlheir.models", "dlheir.data")),
    ],
)
def test_walls(imported, kept_out):
    script = f"import sys, {imported}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    loaded = run.stdout.split()
    assert set(imported.split(",")) <= set(loaded)
    broken = [m for m in loaded if any(m == name or m.startswith(f"{name}.") for name in kept_out)]
    assert not broken
