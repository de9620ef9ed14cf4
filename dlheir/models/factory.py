"""Building a network from its name and settings, or from its checkpoint."""

from pathlib import Path
from typing import Any

from dlheir.checkpoints import locate
from dlheir.errors import InputError
from dlheir.models.checks import check_integer
from dlheir.models.network import HashingNetwork
from dlheir.models.registry import find_entry
from dlheir.models.trained import load_trained, read_trained
from dlheir.models.transform import PictureTransform
from dlheir.models.weights import fill, load_backbone

MOST_BITS = 1024


def get_model(
    name: str,
    bits: int = 48,
    num_classes: int = 100,
    image_size: int = 224,
    tail: str | None = None,
    weights: str | Path | None = None,
    backbone_weights: str | Path | None = None,
    *,
    resize: str = "warp",
    hash_order: str = "sigmoid_first",
    head: str = "hash_layer",
    **options: Any,
) -> HashingNetwork:
    """Build a network, in training mode as any new module.

    Args:
        name: one of `list_models()`.
        bits: code length, 1 ... 1024.
        num_classes: classes of the training set, at least 2.
        image_size: side of the square input in pixels, at least 32; some models need more, or a
            multiple of something.
        tail: "none", "inverted_residual" (the block takes the place of the last layers), or None
            for the model's own.
        weights: name or path of a checkpoint that fills the whole network.
        backbone_weights: "DEFAULT" (the ImageNet weights of torchvision or timm) or the path of a
            state dict that fills the backbone; None for random weights.
        resize: "warp", "letterbox" or "crop", see `PictureTransform`.
        hash_order: "sigmoid_first" (the paper's) or "pool_first", see `HashLayer`.
        head: "hash_layer", or "class_code" for the predicted class as the code, see `ClassCode`.
        options: what the model's builder takes, such as `replace_last`.

    Raises:
        InputError: a value is not allowed, or weights do not fit or cannot be read.
    """
    if weights is not None and backbone_weights is not None:
        raise InputError(
            "give weights or backbone_weights, not both: weights fill the backbone too"
        )
    network = build_network(
        name,
        bits,
        num_classes,
        image_size,
        tail=tail,
        resize=resize,
        hash_order=hash_order,
        head=head,
        **options,
    )
    if backbone_weights is not None:
        load_backbone(network.features, find_entry(name), backbone_weights)
    if weights is not None:
        load_trained(network, weights)
    return network


def build_network(
    name: str,
    bits: int = 48,
    num_classes: int = 100,
    image_size: int = 224,
    *,
    tail: str | None = None,
    resize: str = "warp",
    hash_order: str = "sigmoid_first",
    head: str = "hash_layer",
    **options: Any,
) -> HashingNetwork:
    """Build a network with random weights; `get_model` describes the arguments."""
    entry = find_entry(name)
    settings: dict[str, Any] = {
        "name": name,
        "bits": check_integer("bits", bits, low=1, high=MOST_BITS),
        "num_classes": check_integer("num_classes", num_classes, low=2),
        "image_size": entry.check_image_size(image_size),
        "tail": entry.resolve_tail(tail),
        "resize": resize,
        "hash_order": hash_order,
        "head": head,
    }
    resolved_options = entry.resolve_options(settings["tail"], options)
    transform = PictureTransform(image_size, entry.mean, entry.std, resize)
    trunk = entry.build(settings["tail"], image_size, resolved_options)
    return HashingNetwork(trunk, bits, num_classes, transform, settings | resolved_options)


def load_checkpoint(name_or_path: str | Path) -> HashingNetwork:
    """Build the network of a checkpoint, in eval mode; all settings come from the file.

    Args:
        name_or_path: a name in the registry of checkpoints, such as "mobilenet_v2.corel5k_48b",
            whose file is downloaded where it has to be and verified by its SHA-256; or the path of
            a run's checkpoint or of a published file.

    Raises:
        InputError: there is no such checkpoint, or its file is none, or its values do not fit.
        WorkError: it cannot be downloaded.
    """
    trained = read_trained(locate(name_or_path))
    try:
        network = build_network(**trained.settings)
    except (InputError, TypeError) as error:
        raise InputError(f"checkpoint {name_or_path}: {error}") from error
    fill(network, trained.state, f"checkpoint {name_or_path}")
    return network.eval()
