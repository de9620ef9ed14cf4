"""What a finished test leaves in the run's folder: codes, picture and results."""

import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning import Callback, Trainer

from dlheir import retrieval
from dlheir.callbacks.clock import TrainingClock
from dlheir.callbacks.code import CodeVersion
from dlheir.collector import HashedSet
from dlheir.complexity.counts import measure
from dlheir.data.folder import PictureFolder
from dlheir.files import sha256_of_file, written_whole
from dlheir.report.picture import Answer, Row, draw_retrieval
from dlheir.results import versions, write_results
from dlheir.runs import RunFolder, git_commit
from dlheir.store.attacks import measure_leakage
from dlheir.store.content import content_length
from dlheir.store.simulation import Simulation
from dlheir.task import HashingTask


@dataclass(frozen=True)
class Outcome:
    """Everything that a test found.

    Attributes:
        run: The run's folder.
        task: What was tested.
        data: The pictures.
        database: Activations of the database.
        queries: Activations of the queries.
        simulation: What the encrypted store served.
        hashing_seconds: Durations of hashgen and TrapGen.
        store_kept: Whether the server's file stays in the folder.
        leakage: Whether the results tell what leaks.
        baselines: What the results tell of other systems; may be empty.
    """

    run: RunFolder
    task: HashingTask
    data: PictureFolder
    database: HashedSet
    queries: HashedSet
    simulation: Simulation
    hashing_seconds: dict[str, float]
    store_kept: bool
    leakage: bool
    baselines: dict[str, Any]

    def write_codes(self) -> None:
        """Write `codes.npz`, the database in the order in which the store ranks ties.

        Margins say how far each activation lies from its threshold: two runs have the same codes
        if all bits agree whose margin is at least 1e-5 in both.
        """
        order = self.simulation.ranking_order
        ids = np.array([picture_id.hex() for picture_id in self.simulation.picture_ids])
        threshold = self.task.network.threshold.cpu().numpy()
        with written_whole(self.run.codes) as part, part.open("wb") as file:
            np.savez_compressed(
                file,
                database_codes=self._codes[order],
                query_codes=self._query_codes,
                database_labels=self.database.labels[order],
                query_labels=self.queries.labels,
                database_ids=ids[order],
                query_ids=np.array(self.data.split.queries),
                database_margins=(self.database.activations - threshold)[order],
                query_margins=self.queries.activations - threshold,
            )

    def draw(self, shown: list[int], answers: int) -> None:
        """Draw `retrieval.png`.

        Args:
            shown: Numbers of the queries to draw.
            answers: How many answers to each.
        """
        rows = [self._row(query, answers) for query in shown]
        draw_retrieval(self.run.picture, rows, f"{self.run.run_id} on {self.data.set_name}")

    def write_results(self, ks: tuple[int, ...], trainer: Trainer) -> None:
        """Write `results.json`, the run's last file.

        Args:
            ks: Numbers of answers to report precision at.
            trainer: What ran the test.
        """
        settings, split = self.task.network.settings, self.data.split
        tested = self.task.tested
        assert tested is not None  # codes of weights that no file holds are nobody's results
        results = {
            "schema": 1,
            "run_id": self.run.run_id,
            "status": "finished",
            "model": settings["name"],
            "bits": settings["bits"],
            "image_size": settings["image_size"],
            "threshold": self.task.threshold,
            "objective": self.task.hparams["objective"],
            "data": {
                "name": self.data.set_name,
                "classes": len(self.data.collection.classes),
                "trained_classes": self.data.num_classes,
                "pictures": len(self.data.collection.names),
            },
            "protocol": self.data.protocol,
            "split": {
                "seed": split.seed,
                "counts": {
                    "database": len(split.database),
                    "queries": len(split.queries),
                    "training": len(split.training),
                    "validation": len(split.validation),
                },
                "sha256": self.data.split_sha256,
                "near_duplicates": self.data.near_duplicates,
            },
            "seed": self.data.seed,
            **self._precision(ks),
            "complexity": measure(self.task.network, settings["image_size"]).as_dict(),
            "timing": self._timing(trainer),
            "store": {
                "pictures": len(self.simulation.picture_ids),
                "plain_bytes": self.simulation.plain_bytes,
                "sealed_bytes": self.simulation.sealed_bytes,
                "opened": self.simulation.opened,
                "kept": self.store_kept,
            },
            "tested_checkpoint": {
                "path": _relative(tested, self.run.path),
                "sha256": sha256_of_file(tested),
            },
            "device": _device(trainer),
            "versions": versions(),
            "git_commit": git_commit(),
            "code_sha256": _code(trainer),
        }
        if self.leakage:
            results["leakage"] = self._leakage()
        if self.baselines:
            results["baselines"] = self.baselines
        write_results(self.run.results, results)

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint8]:
        return self.task.codes_of(self.database)

    @cached_property
    def _query_codes(self) -> npt.NDArray[np.uint8]:
        return self.task.codes_of(self.queries)

    def _precision(self, ks: tuple[int, ...]) -> dict[str, Any]:
        """Precision of the answers that the store served, and what the codes are worth."""
        answered = self.database.labels[self.simulation.answers]
        relevant = answered == self.queries.labels[:, None]
        order = self.simulation.ranking_order  # mAP@k depends on it
        found = retrieval.evaluate(
            self._query_codes,
            self.queries.labels,
            self._codes[order],
            self.database.labels[order],
            ks=ks,
        )
        return {**found, "precision": retrieval.served_precision(relevant, ks)}

    def _leakage(self) -> dict[str, Any]:
        """What the attacks find; the attacker has the network, and the queries as own pictures."""
        sizes = [
            content_length(name, (self.data.collection.root / name).stat().st_size)
            for name in self.data.split.database
        ]
        return measure_leakage(
            self._codes,
            self.database.labels,
            self._query_codes,
            self.queries.labels,
            sizes,
            self.data.seed,
            class_weights=self._class_weights(),
        )

    def _class_weights(self) -> npt.NDArray[np.float32] | None:
        """The classifier's weights, where it was trained and its classes are the database's.

        Not every objective trains the classifier, and under some protocols the database shows
        classes that the network never saw: then a checkpoint says nothing about their codes.
        """
        names, split = self.data.labels, self.data.split
        rows = dict(
            zip(names(split.training), self.data.training_labels(split.training), strict=True)
        )
        known = all(rows.get(label) == label for label in set(names(split.database)))
        if not known or not getattr(self.task.objective, "uses_classifier", False):
            return None
        return self.task.network.classifier.weight.detach().float().cpu().numpy()

    def _timing(self, trainer: Trainer) -> dict[str, float]:
        """Seconds of training, over all sessions of a resumed run, and of each function."""
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        training = sum(c.seconds for c in callbacks if isinstance(c, TrainingClock))
        seconds = {"training": training, **self.hashing_seconds, **self.simulation.seconds}
        return {name: round(value, 6) for name, value in seconds.items()}

    def _row(self, query: int, answers: int) -> Row:
        name = self.data.split.queries[query]
        served = zip(
            map(int, self.simulation.answers[query, :answers]),
            map(int, self.simulation.distances[query, :answers]),
            strict=True,
        )
        return Row(
            self.data.collection.root / name,
            self.data.facts[name].class_name,
            [
                Answer(
                    self.simulation.shown[row],
                    bool(self.database.labels[row] == self.queries.labels[query]),
                    distance,
                )
                for row, distance in served
            ],
        )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _code(trainer: Trainer) -> str:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    (code,) = (callback for callback in callbacks if isinstance(callback, CodeVersion))
    return code.sha256


def _device(trainer: Trainer) -> str:
    device = trainer.strategy.root_device
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} CPU with {torch.get_num_threads()} threads"
    return f"{trainer.world_size} x {name}"
