"""The generated data set as a data module: the embedded default, no download, no licence."""

from pathlib import Path
from typing import Any

from dlheir.data.collection import Collection
from dlheir.data.folder import PictureFolder
from dlheir.data.gallery import PICTURES_PER_CLASS, write_pictures
from dlheir.errors import InputError
from dlheir.files import user_cache


class Generated(PictureFolder):
    """Pictures painted by a program: shapes of nature in patterns, on any ground, in any light.

    They are painted once, at the size that the network takes, and kept.

    Args:
        root: Folder to keep them in; null takes the user's cache (XDG_CACHE_HOME).
        image_size: Side of the pictures, in pixels.
        pictures_per_class: Number of pictures of each class.
        pictures_seed: Decides the pictures themselves, not their split.
        settings: More arguments of `PictureFolder`.
    """

    public = True
    licence = "Apache-2.0: painted by this program"

    def __init__(
        self,
        root: str | None = None,
        image_size: int = 64,
        pictures_per_class: int = PICTURES_PER_CLASS,
        pictures_seed: int = 0,
        **settings: Any,
    ) -> None:
        if pictures_per_class < 2:
            raise InputError(f"data.pictures_per_class is {pictures_per_class}; give 2 or more")
        if pictures_seed < 0:
            raise InputError(f"data.pictures_seed is {pictures_seed}; it must be 0 or more")
        self._pictures_per_class = pictures_per_class
        self._pictures_seed = pictures_seed
        self._size = image_size
        name = f"s{pictures_seed}-{pictures_per_class}x-{image_size}px"
        root = root or str(user_cache() / "generated" / name)
        super().__init__(root=root, image_size=image_size, **settings)

    def read_collection(self, root: Path) -> Collection:
        """Paint the pictures unless they are there."""
        write_pictures(
            root,
            seed=self._pictures_seed,
            pictures_per_class=self._pictures_per_class,
            size=self._size,
        )
        return super().read_collection(root)
