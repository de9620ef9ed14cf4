"""CIFAR-10, from torchvision's data set or from a folder of its pictures."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from dlheir.data.cifar10_pictures import write_pictures
from dlheir.data.cifar10_protocols import CIFAR10_PROTOCOLS, TEST, TRAIN
from dlheir.data.collection import (
    Collection,
    check_folder,
    class_folders,
    class_per_folder,
    class_per_folder_in_parts,
)
from dlheir.data.folder import PictureFolder
from dlheir.data.protocols import Protocol
from dlheir.errors import InputError

# As torchvision keeps it under its root.
OFFICIAL = "cifar-10-batches-py"
# The same as pictures, written beside it.
COPY = "cifar-10-pictures"


class CIFAR10(PictureFolder):
    """CIFAR-10: 10 classes x 6,000 pictures, 32x32 (Krizhevsky, 2009), by the field's splits.

    Args:
        root: A folder with `cifar-10-batches-py`, as torchvision keeps it; its pictures are then
            written to `cifar-10-pictures` in it, once. Or a folder with a sub-folder per class in
            `train` and `test`, or with a sub-folder per class at once, which says nothing of
            which are the test pictures.
        protocol: "cifar10_54k" queries 100 pictures of each class, trains on 500 others and
            searches the rest (HashNet's convention). "cifar10_59k" searches the training pictures
            too. "cifar10_50k" queries the official test pictures, and trains on and searches all
            others.
        download: Have torchvision download `cifar-10-batches-py` where it is missing.
        settings: More arguments of `PictureFolder`.
    """

    protocols: ClassVar[Mapping[str, type[Protocol]]] = CIFAR10_PROTOCOLS
    class_count: ClassVar[int] = 10
    licence = "none is named by its authors (Krizhevsky, 2009)"
    # In each class.
    counts: ClassVar[Mapping[str, int]] = {TRAIN: 5000, TEST: 1000}

    def __init__(
        self,
        root: str,
        protocol: Literal["cifar10_54k", "cifar10_59k", "cifar10_50k"] = "cifar10_54k",
        download: bool = False,
        **settings: Any,
    ) -> None:
        self._download = download
        super().__init__(
            root=root,
            protocol=protocol,  # type: ignore[arg-type]  # it has protocols of its own
            database_share=None,
            training_share=None,
            unseen_share=None,
            **settings,
        )

    def read_collection(self, root: Path) -> Collection:
        """Find the pictures, or write them, and count them."""
        if not self._download:
            check_folder(root)
        copy = root / COPY
        for pictures in (root, copy):
            if all((pictures / part).is_dir() for part in self.counts):
                return self._in_parts(pictures)
        if self._download or (root / OFFICIAL).is_dir():
            write_pictures(copy, root, self._download)
            return self._in_parts(copy)
        if not class_folders(root):
            raise InputError(
                f"{root}: no CIFAR-10 in it; expected {OFFICIAL}, or a folder per class in {TRAIN} "
                f"and {TEST}; --data.download true downloads it there"
            )
        collection = class_per_folder(root)
        self._check(collection, Counter(collection.labels), sum(self.counts.values()), "")
        return collection

    def _in_parts(self, root: Path) -> Collection:
        collection = class_per_folder_in_parts(root, (TEST, TRAIN))
        for part, expected in self.counts.items():
            found = Counter(
                label
                for name, label in zip(collection.names, collection.labels, strict=True)
                if name.startswith(f"{part}/")
            )
            self._check(collection, found, expected, f" in {part}")
        return collection

    def _check(
        self, collection: Collection, found: Mapping[int, int], expected: int, where: str
    ) -> None:
        """Refuse other sets: a result must not go by the name of one it was not measured on."""
        if len(collection.classes) != self.class_count:
            raise InputError(
                f"{collection.root}: {len(collection.classes)} classes, but CIFAR-10 has "
                f"{self.class_count}; use --data PictureFolder for other sets"
            )
        for label, class_name in enumerate(collection.classes):
            if found[label] != expected:
                raise InputError(
                    f"{collection.root}: class {class_name} has {found[label]} pictures{where}, "
                    f"but in CIFAR-10 it has {expected}; use --data PictureFolder for other sets"
                )
