"""The cells of a sweep: each combination's run, named without building its network."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from dlheir.data import PictureFolder
from dlheir.errors import InputError, find_input_error
from dlheir.experiment_files import with_config
from dlheir.files import sha256_of
from dlheir.naming import run_of
from dlheir.runs import RunFolder
from dlheir.settings import check_seed, make_data, resolve, settings_parser
from dlheir.sweep.command import command_of, fit_arguments
from dlheir.sweep.grid import Sweep
from dlheir.task import HashingTask

# What Lightning takes where neither epochs nor steps are limited.
LIGHTNINGS_EPOCHS = 1000


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep and the run that it stands for.

    Attributes:
        number: Its place among the sweep's combinations, from 0.
        combination: Value of each parameter, by dotted key.
        arguments: Of the command line, from `fit` on.
        run: The run's folder; null where the cell is refused.
        refused: Why there can be no such run, in one line; null where there can.
        config: The resolved configuration as config.yaml holds it; null where it cannot be read.
        classes: Number of classes; this and what follows is 0 in a refused cell.
        image_size: Side of the square pictures in pixels.
        training_pictures: Pictures of an epoch.
        tested_pictures: Pictures that are hashed at the end, database and queries.
        epochs: How often the training pictures are seen.
    """

    number: int
    combination: dict[str, Any]
    arguments: tuple[str, ...]
    run: RunFolder | None = None
    refused: str | None = None
    config: dict[str, Any] | None = None
    classes: int = 0
    image_size: int = 0
    training_pictures: int = 0
    tested_pictures: int = 0
    epochs: float = 0.0

    @property
    def id(self) -> str:
        """The run's id; a refused cell has a name of its own."""
        if self.run is None:
            return f"refused-{sha256_of(list(self.arguments))[:8]}"
        return self.run.run_id

    @property
    def experiment(self) -> Path | None:
        """Folder of the sweep's runs, `runs/<experiment>`; null where no configuration is read."""
        if self.config is None:
            return None
        return Path(self.config["runs"], self.config["experiment"])


def plan_cells(sweep: Sweep) -> list[Cell]:
    """Find the run of each combination; cells of the same run are one, the first.

    Args:
        sweep: A grid file's content.

    Returns:
        The cells in the order of the combinations. One whose arguments or data are refused says so
        and does not stop the others.

    Raises:
        InputError: The command cannot be rendered, or cells lie in different folders.
    """
    planner = _Planner()
    cells = [
        planner.cell(number, combination, _resumable(fit_arguments(command_of(sweep, combination))))
        for number, combination in enumerate(sweep.combinations)
    ]
    _check_one_folder(cells)
    distinct: dict[str, Cell] = {}
    for cell in cells:
        distinct.setdefault(cell.id, cell)
    return list(distinct.values())


class _Planner:
    """Parses and names cells; what several of them need is made once."""

    def __init__(self) -> None:
        self._parser = settings_parser("fit")
        self._data: dict[str, PictureFolder | Exception] = {}

    def cell(self, number: int, combination: dict[str, Any], arguments: tuple[str, ...]) -> Cell:
        cell = Cell(number, combination, arguments)
        try:
            config = self._resolved(arguments)
            cell = replace(cell, config=config)
            data = self._data_of(config)
            _check_model(config["model"], data)
            return _named(cell, config, data)
        except Exception as error:
            wrong = find_input_error(error) or error
            if not isinstance(wrong, InputError | OSError):
                raise
            return replace(cell, refused=" ".join(str(wrong).split()))

    def _resolved(self, arguments: tuple[str, ...]) -> dict[str, Any]:
        try:
            settings = self._parser.parse_args(with_config("fit", [*arguments[1:]]))
        except SystemExit as answered:  # --help and the like
            raise InputError("its arguments ask for help, not for a run") from answered
        check_seed(settings.seed_everything)
        return resolve(self._parser, settings)

    def _data_of(self, config: dict[str, Any]) -> PictureFolder:
        """Make the data module, once for all cells of the same pictures, split and size."""
        key = sha256_of([config["data"], config["seed_everything"]])
        if key not in self._data:
            try:
                self._data[key] = make_data(config)
            except Exception as error:
                self._data[key] = error
        made = self._data[key]
        if isinstance(made, Exception):
            raise made
        return made


def _resumable(arguments: list[str]) -> tuple[str, ...]:
    """The arguments, such that an interrupted run goes on unless they say otherwise."""
    if any(argument.split("=")[0] == "--ckpt_path" for argument in arguments):
        return tuple(arguments)
    return (*arguments, "--ckpt_path=last")


def _check_model(settings: dict[str, Any], data: PictureFolder) -> None:
    """Refuse a network that cannot be, by building it without weights and memory."""
    of_the_data = {
        "num_classes": data.num_classes,
        "image_size": data.image_size,
        "resize": data.resize,
    }
    with torch.device("meta"):
        HashingTask(**{**settings, **of_the_data, "backbone_weights": None})


def _named(cell: Cell, config: dict[str, Any], data: PictureFolder) -> Cell:
    training = len(data.split.training)
    return replace(
        cell,
        run=run_of(config, data),
        classes=data.num_classes,
        image_size=data.image_size,
        training_pictures=training,
        tested_pictures=len(data.split.database) + len(data.split.queries),
        epochs=_epochs(config["trainer"], max(training // data.batch_size, 1)),
    )


def _epochs(trainer: dict[str, Any], batches: int) -> float:
    """How many epochs of so many batches a trainer's two limits allow."""
    limits = (trainer["max_epochs"] or LIGHTNINGS_EPOCHS, trainer["max_steps"] / batches)
    return float(min((limit for limit in limits if limit > 0), default=LIGHTNINGS_EPOCHS))


def _check_one_folder(cells: Iterable[Cell]) -> None:
    folders = {cell.experiment for cell in cells} - {None}
    if len(folders) > 1:
        named = " and ".join(sorted(map(str, folders))[:2])
        raise InputError(
            f"the cells of a sweep belong into one folder, not into {named}; give all the same "
            "--runs and --experiment"
        )
