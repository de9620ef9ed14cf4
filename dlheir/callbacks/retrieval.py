"""The retrieval callback: precision@k over the encrypted store, after every run."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Timer

from dlheir import retrieval
from dlheir.collector import HashedSet
from dlheir.complexity import measure
from dlheir.data.folder import PictureFolder
from dlheir.errors import InputError
from dlheir.files import sha256_of_file, written_whole
from dlheir.report.picture import Answer, Row, draw_retrieval
from dlheir.results import versions, write_results
from dlheir.runs import RunFolder, git_commit
from dlheir.store.simulation import Simulation, simulate
from dlheir.task import DATABASE, QUERIES, HashingTask

# In the paper's terms: who hashes what (section 3.2).
HASHING = {DATABASE: "hashgen", QUERIES: "TrapGen"}


class RetrievalCallback(Callback):
    """Searches the encrypted store with every query and writes the run's results.

    Needs a `RunFolder` as the trainer's `default_root_dir`.

    Args:
        ks: Numbers of answers to report precision at; the paper's by default.
        keep_store: Leave the server's file in the run's folder.
        queries_shown: Queries in `retrieval.png`, from as many classes.
        answers_shown: Answers to each of them.
    """

    def __init__(
        self,
        ks: tuple[int, ...] = (20, 40, 60, 80, 100),
        keep_store: bool = True,
        queries_shown: int = 6,
        answers_shown: int = 8,
    ) -> None:
        if not ks or min(ks) < 1:
            raise InputError(f"retrieval.ks is {list(ks)}; give numbers of answers from 1 up")
        if queries_shown < 1 or answers_shown < 1:
            raise InputError("retrieval.queries_shown and retrieval.answers_shown must be 1 or more")
        self.ks = tuple(sorted(set(ks)))
        self.keep_store = keep_store
        self.queries_shown = queries_shown
        self.answers_shown = answers_shown
        self._hashing_seconds: dict[str, float] = {}
        self._batch_ended = 0.0

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Start the clock of hashgen and TrapGen, reading pictures included."""
        self._hashing_seconds = dict.fromkeys(HASHING.values(), 0.0)
        self._batch_ended = time.perf_counter()

    def on_test_batch_end(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,
    ) -> None:
        """Add a batch's time to its function."""
        now = time.perf_counter()
        self._hashing_seconds[HASHING[dataloader_idx]] += now - self._batch_ended
        self._batch_ended = now

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Play the encrypted store through and write codes, picture and results."""
        assert isinstance(pl_module, HashingTask)
        # Collective calls: every device gathers, one goes on.
        database, queries = pl_module.hashed_set(DATABASE), pl_module.hashed_set(QUERIES)
        if trainer.is_global_zero:
            self._search_encrypted(trainer, pl_module, database, queries)
        trainer.strategy.barrier()

    def _search_encrypted(
        self, trainer: Trainer, task: HashingTask, database: HashedSet, queries: HashedSet
    ) -> None:
        run = RunFolder(Path(trainer.default_root_dir))
        data: PictureFolder = trainer.datamodule  # type: ignore[attr-defined]
        codes, query_codes = task.codes_of(database), task.codes_of(queries)
        shown = _one_of_each_class(queries.labels, self.queries_shown)
        run.store.unlink(missing_ok=True)  # of an interrupted test
        simulation = simulate(
            run.store,
            data.paths(data.split.database),
            codes,
            query_codes,
            k=max(self.ks),
            seed=data.seed,
            shown=shown,
            answers_shown=self.answers_shown,
        )
        _write_codes(run.codes, task, database, queries, simulation)
        self._draw(run, data, queries, shown, simulation)
        if not self.keep_store:
            run.store.unlink()
        results = self._results(run, trainer, task, database, queries, simulation)
        write_results(run.results, results)

    def _results(
        self,
        run: RunFolder,
        trainer: Trainer,
        task: HashingTask,
        database: HashedSet,
        queries: HashedSet,
        simulation: Simulation,
    ) -> dict[str, Any]:
        data: PictureFolder = trainer.datamodule  # type: ignore[attr-defined]
        tested = Path(str(trainer.ckpt_path))
        order = simulation.ranking_order
        found = retrieval.evaluate(
            task.codes_of(queries),
            queries.labels,
            task.codes_of(database)[order],
            database.labels[order],
            ks=self.ks,
        )
        relevant = database.labels[simulation.answers] == queries.labels[:, None]
        split = data.split
        return {
            "schema": 1,
            "run_id": run.run_id,
            "status": "finished",
            "model": task.network.settings["name"],
            "bits": task.network.settings["bits"],
            "image_size": task.network.settings["image_size"],
            "threshold": task.threshold,
            "objective": task.hparams["objective"],
            "data": {
                "name": data.name,
                "classes": data.num_classes,
                "pictures": len(data.collection.names),
            },
            "protocol": "paper",
            "split": {
                "seed": split.seed,
                "counts": {
                    "database": len(split.database),
                    "queries": len(split.queries),
                    "validation": len(split.validation),
                },
                "sha256": data.split_sha256,
                "near_duplicates": data.near_duplicates,
            },
            "seed": data.seed,
            "precision": retrieval.served_precision(relevant, self.ks),
            "expected_precision": found["expected_precision"],
            "precision_ceiling": found["precision_ceiling"],
            "expected_map": found["expected_map"],
            "complexity": measure(task.network, data.image_size).as_dict(),
            "timing": self._timing(trainer, simulation),
            "store": {
                "pictures": len(simulation.picture_ids),
                "plain_bytes": simulation.plain_bytes,
                "sealed_bytes": simulation.sealed_bytes,
                "opened": simulation.opened,
                "kept": self.keep_store,
            },
            "tested_checkpoint": {
                "path": _relative(tested, run.path),
                "sha256": sha256_of_file(tested),
            },
            "device": _device(trainer),
            "versions": versions(),
            "git_commit": git_commit(),
        }

    def _timing(self, trainer: Trainer, simulation: Simulation) -> dict[str, float]:
        """Seconds of training (all sessions of a resumed run) and of each of the six functions."""
        training = sum(
            callback.time_elapsed("train")
            for callback in trainer.callbacks  # type: ignore[attr-defined]
            if isinstance(callback, Timer)
        )
        seconds = {"training": training, **self._hashing_seconds, **simulation.seconds}
        return {name: round(value, 6) for name, value in seconds.items()}

    def _draw(
        self,
        run: RunFolder,
        data: PictureFolder,
        queries: HashedSet,
        shown: list[int],
        simulation: Simulation,
    ) -> None:
        labels = data.labels(data.split.database)
        rows = []
        for query in shown:
            places = range(min(self.answers_shown, simulation.answers.shape[1]))
            answered = [int(simulation.answers[query, place]) for place in places]
            answers = [
                Answer(
                    simulation.shown[row].envelope,
                    simulation.shown[row].plain,
                    labels[row] == queries.labels[query],
                    int(simulation.distances[query, place]),
                )
                for place, row in enumerate(answered)
            ]
            name = data.split.queries[query]
            rows.append(Row(data.collection.root / name, data.facts[name].class_name, answers))
        draw_retrieval(run.picture, rows, f"{run.run_id} on {data.name}")


def _one_of_each_class(labels: npt.NDArray[np.int64], count: int) -> list[int]:
    """The first query of each of `count` classes that are spread over all classes."""
    _, first = np.unique(labels, return_index=True)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)
    return [int(first[i]) for i in chosen]


def _write_codes(
    path: Path,
    task: HashingTask,
    database: HashedSet,
    queries: HashedSet,
    simulation: Simulation,
) -> None:
    """Codes in the order in which the store ranks ties, with each bit's distance to its threshold.

    Two runs have the same codes if all bits agree whose margin is at least 1e-5 in both.
    """
    order = simulation.ranking_order
    threshold = task.network.threshold.cpu().numpy()
    ids = np.array([picture_id.hex() for picture_id in simulation.picture_ids])
    data: PictureFolder = task.trainer.datamodule  # type: ignore[attr-defined]
    with written_whole(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            database_codes=task.codes_of(database)[order],
            query_codes=task.codes_of(queries),
            database_labels=database.labels[order],
            query_labels=queries.labels,
            database_ids=ids[order],
            query_ids=np.array(data.split.queries),
            database_margins=(database.activations - threshold)[order],
            query_margins=queries.activations - threshold,
            database_names=np.array(data.split.database)[order],
        )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _device(trainer: Trainer) -> str:
    import platform

    import torch

    device = trainer.strategy.root_device
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    return f"{trainer.world_size} x {name}"
