"""Painted pictures as files, and baselines that need no download to work on them."""

import torch
from PIL import Image

from dlheir.baselines import get_system
from dlheir.data.gallery import CLASSES, render
from dlheir.models import get_model

BACKBONE = "dlheir_nano"


def paint_pictures(folder, count, size=128):
    """Write `count` pictures of different classes and numbers; return their paths."""
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for number, path in enumerate(paths):
        levels = render(0, number % len(CLASSES), number, size)
        Image.fromarray(levels).save(path)
    return paths


def write_backbone(folder):
    """Write random weights of a small backbone as torchvision names them; return their path."""
    torch.manual_seed(0)
    state = get_model(BACKBONE, tail="none").features.state_dict()
    path = folder / "backbone.pth"
    torch.save({f"features.{name}": value for name, value in state.items()}, path)
    return path


def prepared(name, pictures, backbone, seed=0, **options):
    """Make a baseline and let it learn from `pictures`."""
    if name == "imagenet_itq":
        options = {
            "backbone": BACKBONE,
            "backbone_weights": str(backbone),
            "image_size": 64,
            "bits": 16,
        } | options
    system = get_system(name, seed=seed, **options)
    system.prepare(pictures)
    return system
