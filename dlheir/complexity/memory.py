"""Memory of activations: what training keeps of a picture from the forward to the backward pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dlheir.complexity.stand_in import stand_in

_attend_plainly = functional.scaled_dot_product_attention


def activation_bytes(network: nn.Module, image_size: int) -> int:
    """Return what one more picture in a batch adds to training's memory, in bytes.

    Counted is what is in memory when the forward pass in training mode has ended: the picture,
    which the first layer needs in the backward pass, and each tensor that the pass made and that
    still lives, because the backward pass needs it or it is the output. Tensors that share their
    memory, as an in-place ReLU's input and output do, count once. Everything is float32 and every
    weight trained. Fused attention keeps no matrix of scores unless it has a mask or dropout.

    A batch of B pictures needs B times that, besides the weights, their gradients, the optimiser's
    state and the backward pass' own workspace.

    Args:
        network: takes (B, 3, S, S); stays as it is.
        image_size: the side S in pixels.
    """
    with torch.inference_mode(False), torch.enable_grad():
        # The difference leaves out what does not grow with the batch, such as a batch norm's mean;
        # a batch norm refuses a single picture whose map is one place.
        two, three = (_bytes_left(network, pictures, image_size) for pictures in (2, 3))
    return three - two


def _bytes_left(network: nn.Module, pictures: int, image_size: int) -> int:
    """Bytes of all tensors that are there after a forward pass."""
    network = stand_in(network, training=True)
    with _fused_attention(), _Storages() as storages:
        images = torch.zeros(pictures, 3, image_size, image_size, device="meta")
        outputs = network(images)
    left: int = storages.bytes_alive()
    del images, outputs  # until here they have held what the backward pass would need
    return left


@contextmanager
def _fused_attention() -> Iterator[None]:
    """Have attention take the kernel that keeps no matrix of scores, as on real devices.

    On the meta device it takes the plain one.
    """
    functional.scaled_dot_product_attention = _attend
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = _attend_plainly


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if attn_mask is None and not dropout_p and query.shape[:-2] == key.shape[:-2]:
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        outputs: Tensor = fused(query, key, value, dropout_p, is_causal, scale=scale)[0]
        return outputs
    return _attend_plainly(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )


class _Storages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the memory that operators' results lie in."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operator and remember where its results lie."""
        results = func(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, Tensor):
                storage = result.untyped_storage()
                # As long as there is a weak reference, no other storage gets this address.
                reference = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self._seen[reference.cdata] = (reference, storage.nbytes())
        return results

    def bytes_alive(self) -> int:
        """Bytes that are still in use, each storage once."""
        left = [size for reference, size in self._seen.values() if not _is_gone(reference)]
        return sum(left)


def _is_gone(reference: StorageWeakRef) -> bool:
    return bool(reference.expired())  # type: ignore[no-untyped-call]
