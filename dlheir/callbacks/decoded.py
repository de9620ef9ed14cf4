"""Keeps what was decoded while training, so that each picture is decoded once."""

from dataclasses import asdict
from pathlib import Path

import PIL
from PIL import features
from pytorch_lightning import Callback, LightningModule, Trainer

from dlheir import decoding
from dlheir.data import PictureFolder
from dlheir.data.decoded import DecodedPictures, make_room
from dlheir.files import sha256_of, sha256_of_file, user_cache
from dlheir.models import transform
from dlheir.models.transform import PictureTransform
from dlheir.task import HashingTask


class KeepDecoded(Callback):
    """With `data.cache_pictures`, training reads each picture's file once.

    Testing reads the files: decoding is part of the time that hashgen and TrapGen take.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Hand the task a file of decoded pictures, or take it away.

        Later hooks are too late: Lightning starts the loaders' workers before them.
        """
        assert isinstance(pl_module, HashingTask)
        data: PictureFolder = trainer.datamodule  # type: ignore[attr-defined]
        pl_module.decoded = None
        if stage != "fit" or not data.cache_pictures or pl_module.cache_features:
            return
        decoded = decoded_pictures(data, pl_module.network.transform, user_cache() / "pictures")
        if make_room(decoded.path, decoded.nbytes):
            pl_module.decoded = decoded


def decoded_pictures(
    data: PictureFolder, reading: PictureTransform, folder: Path
) -> DecodedPictures:
    """The file of a collection as a network takes it.

    It is named after all that decides a level: the pictures' bytes, the transform, and the code
    that decodes. All splits of a collection share it.

    Args:
        data: The pictures.
        reading: How the network reads one.
        folder: Where such files are; made when it is first needed.
    """
    content = {
        "pictures": [data.facts[name].sha256 for name in data.collection.names],
        "transform": asdict(reading),
        "pillow": [PIL.__version__, *map(features.version, ("jpg", "libjpeg_turbo", "webp"))],
        "code": [sha256_of_file(Path(str(module.__file__))) for module in (decoding, transform)],
    }
    return DecodedPictures(
        folder / f"{sha256_of(content)[:16]}.levels",
        data.paths(data.collection.names),
        reading.image_size,
        reading.load,
    )
