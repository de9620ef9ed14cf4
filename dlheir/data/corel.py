"""The Corel sets: class per folder, or flat with the class in the number."""

from pathlib import Path
from typing import ClassVar

from dlheir.data.collection import (
    Collection,
    class_folders,
    class_per_folder,
    class_per_hundred,
)
from dlheir.data.folder import PictureFolder
from dlheir.errors import InputError


class Corel(PictureFolder):
    """A Corel set of `class_count` classes with 100 pictures each."""

    class_count: ClassVar[int]
    licence = "copyrighted stock photographs (Corel Corporation); for research only"

    def read_collection(self, root: Path) -> Collection:
        """Class per folder where there are folders, number // 100 otherwise."""
        flat = root.is_dir() and not class_folders(root)
        collection = class_per_hundred(root) if flat else class_per_folder(root)
        # A result must not go by the name of a set that it was not measured on.
        if len(collection.classes) != self.class_count:
            raise InputError(
                f"{root}: {len(collection.classes)} classes, but {self.set_name} has "
                f"{self.class_count}; use --data PictureFolder for other sets"
            )
        return collection


class Corel10K(Corel):
    """Corel-10K, the paper's set: 100 classes x 100 pictures (Wang, 2000)."""

    class_count = 100


class Corel5K(Corel):
    """Corel-5K: 50 classes x 100 pictures, 192x128."""

    class_count = 50


class Corel1K(Corel):
    """Corel-1K: 10 classes x 100 pictures, 384x256 (Wang, 2000)."""

    class_count = 10
