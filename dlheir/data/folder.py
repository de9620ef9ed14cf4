"""The data module of any folder of pictures, one sub-folder per class."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from dlheir.data.augmentation import Augmentation
from dlheir.data.collection import Collection, class_per_folder
from dlheir.data.dataset import Batch, EpochSampler, LoadPicture, PictureDataset
from dlheir.data.inspection import count_near_duplicates, inspect
from dlheir.data.protocols import PROTOCOLS, Protocol, make_protocol
from dlheir.data.split import check_no_copies, draw_split, read_split, split_sha256
from dlheir.errors import InputError
from dlheir.machine import usable_cores

Resize = Literal["warp", "letterbox", "crop"]


class PictureFolder(LightningDataModule):
    """Pictures in one sub-folder per class, split by a protocol.

    By default as in the paper: 80 % of each class are the database and the training set, the rest
    are the queries. Scores of different protocols do not compare.

    Args:
        root: The folder of pictures.
        image_size: Side of the square that pictures are brought to, in pixels; "max" takes the
            collection's longest side, as the paper does (section 3.3.1).
        resize: How: "warp" changes the aspect ratio as the paper does, "letterbox" pads, "crop"
            cuts off what is longer.
        batch_size: Pictures in a training step, over all devices together.
        protocol: "paper" trains on the database. "disjoint" searches pictures that were never
            trained on. "unseen_classes" searches classes that were never trained on
            (Sablayrolles et al., 2017).
        database_share: Share of each class that is not queries, in "unseen_classes" of each
            unseen class; the paper's is 0.8.
        training_share: For "disjoint", the share of what is not queries to train on, the rest
            being the database; null takes 0.5.
        unseen_share: For "unseen_classes", the share of the classes that are not trained on, at
            least 2; null takes 0.25.
        validation_share: Share of the training pictures to validate on instead of training on
            them.
        split: A `split.json` to use instead of drawing one.
        augmentation: How training pictures are varied; null leaves them as they are.
        leave_out_unreadable: Go on without pictures that cannot be decoded, and say which.
        allow_copies: Go on although a query is byte-identical to a database picture.
        workers: Processes that read pictures, per device; null takes one per core, at most 8,
            for GPUs; on CPUs, where the network needs the cores itself, none for training and one
            for testing.
        cache_pictures: Keep training's pictures as decoded, at the network's size, in the user's
            cache (XDG_CACHE_HOME), 8 GB at most; no result depends on it.
        seed: Draws the split, the orders and the augmentation (set by --seed_everything).
    """

    # Whether anyone may see the pictures: those of a user's own folder stay on his machine.
    public = False
    # What is known of the licence of the pictures, for the cards of checkpoints trained on them.
    licence: ClassVar[str] = "unknown"
    # What `protocol` may name.
    protocols: ClassVar[Mapping[str, type[Protocol]]] = PROTOCOLS

    def __init__(
        self,
        root: str,
        image_size: int | Literal["max"] = 224,
        resize: Resize = "warp",
        batch_size: int = 64,
        protocol: Literal["paper", "disjoint", "unseen_classes"] = "paper",
        database_share: float | None = 0.8,
        training_share: float | None = None,
        unseen_share: float | None = None,
        validation_share: float = 0.0,
        split: str | None = None,
        augmentation: Augmentation | None = None,
        leave_out_unreadable: bool = False,
        allow_copies: bool = False,
        workers: int | None = None,
        cache_pictures: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if workers is not None and workers < 0:
            raise InputError(f"data.workers is {workers}; it must not be negative")
        if batch_size < 2:
            raise InputError(f"data.batch_size is {batch_size}; batch norm needs at least 2")
        if image_size != "max" and image_size < 1:
            raise InputError(f"data.image_size is {image_size}; give pixels or 'max'")
        if seed < 0:
            raise InputError(f"seed_everything is {seed}; it must be 0 or more")
        self.resize = resize
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self._workers = workers
        self.cache_pictures = cache_pictures
        rule = make_protocol(
            self.protocols,
            protocol,
            database_share=database_share,
            training_share=training_share,
            unseen_share=unseen_share,
        )
        self.protocol = rule.name
        collection = self.read_collection(Path(root).expanduser())
        self.collection, self.facts = inspect(collection, leave_out_unreadable)
        self.image_size = self._longest_side() if image_size == "max" else image_size
        self.split = (
            read_split(Path(split), self.facts, rule)
            if split
            else draw_split(self.collection, rule, seed, validation_share)
        )
        if not allow_copies:
            check_no_copies(self.split, self.facts)

    def read_collection(self, root: Path) -> Collection:
        """Which pictures there are, and of which class; a subclass may read other layouts."""
        return class_per_folder(root)

    @property
    def set_name(self) -> str:
        """The data set's name in results."""
        return type(self).__name__

    @property
    def num_classes(self) -> int:
        """Number of classes that are trained on."""
        return len(self._trained_classes)

    @property
    def split_sha256(self) -> str:
        """One hash over who stands where and over every picture's content."""
        return split_sha256(self.split, self.facts)

    @property
    def near_duplicates(self) -> int:
        """Queries that look almost the same as some database picture."""
        return count_near_duplicates(
            [self.facts[name] for name in self.split.queries],
            [self.facts[name] for name in self.split.database],
        )

    def batch_per_device(self, devices: int) -> int:
        """Pictures in a training step on each of several devices.

        Raises:
            InputError: The batch, or the training set, is too small for so many or not divisible.
        """
        if self.batch_size % devices:
            raise InputError(
                f"data.batch_size {self.batch_size} cannot be shared by {devices} devices; "
                f"it counts all devices together"
            )
        # Batch norm needs two pictures on each device.
        if min(self.batch_size, len(self.split.training)) < 2 * devices:
            raise InputError(
                f"{devices} devices need at least {2 * devices} pictures in data.batch_size "
                f"({self.batch_size}) and in the training set ({len(self.split.training)})"
            )
        return self.batch_size // devices

    def paths(self, names: tuple[str, ...]) -> list[Path]:
        """The files of some pictures."""
        return [self.collection.root / name for name in names]

    def labels(self, names: tuple[str, ...]) -> list[int]:
        """The classes of some pictures, as numbers in the whole collection."""
        number = {name: i for i, name in enumerate(self.collection.classes)}
        return [number[self.facts[name].class_name] for name in names]

    def training_labels(self, names: tuple[str, ...]) -> list[int]:
        """The classes of some training pictures, as numbers from 0 to `num_classes` - 1."""
        return [self._trained_classes[self.facts[name].class_name] for name in names]

    @cached_property
    def _trained_classes(self) -> dict[str, int]:
        """The classes that are trained on, sorted, and their numbers."""
        trained = {self.facts[name].class_name for name in self.split.training}
        return {name: number for number, name in enumerate(sorted(trained))}

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training pictures in a new order each epoch, in whole batches where there is one."""
        names = self.split.training
        augmentation = self.augmentation and self.augmentation.build(self.image_size)
        dataset = PictureDataset(
            self.paths(names), self.training_labels(names), self._load, augmentation, self.seed
        )
        return self._loader(dataset, shuffle=True)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """The training pictures as database, then the validation pictures as queries."""
        if not self.split.validation:
            return []
        return [self.loader_of(self.split.training), self.loader_of(self.split.validation)]

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """The database, then the queries."""
        return [self.loader_of(self.split.database), self.loader_of(self.split.queries)]

    def loader_of(self, names: tuple[str, ...]) -> DataLoader[Batch]:
        """Some pictures as the network sees them in evaluation, in their order."""
        return self._loader(PictureDataset(self.paths(names), self.labels(names), self._load))

    def _longest_side(self) -> int:
        return max(facts.longest_side for facts in self.facts.values())

    @property
    def _load(self) -> LoadPicture:
        # How a picture is read belongs to the network that is to see it.
        task: Any = self._trainer.lightning_module
        return cast(LoadPicture, task.read_picture)

    def _loader(self, dataset: PictureDataset, shuffle: bool = False) -> DataLoader[Batch]:
        devices = self._trainer.world_size
        batch_size = self.batch_per_device(devices)
        whole_batches = len(dataset) // self.batch_size * self.batch_size
        sampler = EpochSampler(
            len(dataset),
            # Counted over all devices, so that their number changes no epoch's steps.
            draws=whole_batches if shuffle and whole_batches else len(dataset),
            shuffle=shuffle,
            seed=self.seed,
            rank=self._trainer.global_rank,
            devices=devices,
        )
        on_gpu = self._trainer.strategy.root_device.type == "cuda"
        workers = _workers(on_gpu, shuffle) if self._workers is None else self._workers
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=shuffle and workers > 0,
            pin_memory=on_gpu,
        )

    @property
    def _trainer(self) -> Trainer:
        if self.trainer is None:
            raise RuntimeError("a data module makes its loaders for a Trainer")
        return self.trainer


def _workers(on_gpu: bool, training: bool) -> int:
    """Processes that read pictures.

    On a CPU another process takes more from the network's threads than reading takes in theirs,
    where training keeps pictures decoded (`dlheir benchmark training`).
    """
    if on_gpu:
        return min(usable_cores(), 8)
    return 0 if training else 1
