"""The retrieval callback: precision@k over the encrypted store, after every run."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dlheir.callbacks.baselines import Baseline, check_baselines
from dlheir.callbacks.outcome import Outcome
from dlheir.collector import HashedSet
from dlheir.data.dataset import Batch
from dlheir.data.folder import PictureFolder
from dlheir.errors import InputError
from dlheir.runs import RunFolder
from dlheir.store.database import remove_store
from dlheir.store.owner import Picture
from dlheir.store.policy import Mode
from dlheir.store.simulation import simulate
from dlheir.task import DATABASE, QUERIES, HashingTask

# In the paper's terms: who hashes what (section 3.2).
HASHING = {DATABASE: "hashgen", QUERIES: "TrapGen"}


class RetrievalCallback(Callback):
    """Searches the encrypted store with every query and writes the run's results.

    The trainer's `default_root_dir` is the run's folder.

    Args:
        ks: Numbers of answers to report precision at; the paper's by default.
        keep_store: Leave the server's file in the run's folder.
        codes: How the store protects codes from the server: `plain` (the paper), `keyed` or
            `client`; the answers are the same.
        leakage: Attack the codes, the requests and the lengths, and report what leaks in each mode;
            takes about half a minute for thousands of pictures.
        queries_shown: Queries in `retrieval.png`, from as many classes.
        answers_shown: Answers to each of them.
        baselines: Other systems to search the same pictures with, and their options, such as
            `{xia_csd: {}, qin: {}}`; see `dlheir.baselines`.
    """

    def __init__(
        self,
        ks: tuple[int, ...] = (20, 40, 60, 80, 100),
        keep_store: bool = True,
        codes: Mode = "plain",
        leakage: bool = False,
        queries_shown: int = 6,
        answers_shown: int = 8,
        baselines: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        if not ks or min(ks) < 1:
            raise InputError(f"retrieval.ks is {list(ks)}; give numbers of answers from 1 up")
        if queries_shown < 1 or answers_shown < 1:
            raise InputError(
                "retrieval.queries_shown and retrieval.answers_shown must be 1 or more"
            )
        self.ks = tuple(sorted(set(ks)))
        self.keep_store = keep_store
        self.codes = codes
        self.leakage = leakage
        self.queries_shown = queries_shown
        self.answers_shown = answers_shown
        self.baselines = baselines or {}
        check_baselines(self.baselines)
        self._hashing_seconds: dict[str, float] = {}
        self._batch_ended = 0.0

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Start the clock of hashgen and TrapGen; reading pictures counts.

        With cached feature maps neither is measured: what is left of them would mislead.
        """
        assert isinstance(pl_module, HashingTask)
        measured = () if pl_module.feature_cache else HASHING.values()
        self._hashing_seconds = dict.fromkeys(measured, 0.0)
        self._batch_ended = time.perf_counter()

    def on_test_batch_end(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Batch,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,
    ) -> None:
        """Add a batch's time to its function."""
        if not self._hashing_seconds:
            return
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        now = time.perf_counter()
        self._hashing_seconds[HASHING[dataloader_idx]] += now - self._batch_ended
        self._batch_ended = now

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Play the encrypted store through and write codes, picture and results."""
        assert isinstance(pl_module, HashingTask)
        # Collective calls: every device gathers, then one goes on.
        database, queries = pl_module.hashed_set(DATABASE), pl_module.hashed_set(QUERIES)
        if trainer.is_global_zero:
            self._search_encrypted(trainer, pl_module, database, queries)
        trainer.strategy.barrier()

    def _search_encrypted(
        self, trainer: Trainer, task: HashingTask, database: HashedSet, queries: HashedSet
    ) -> None:
        run = RunFolder(Path(trainer.default_root_dir))
        data: PictureFolder = trainer.datamodule  # type: ignore[attr-defined]
        shown = _of_different_classes(queries.labels, self.queries_shown)
        baselines = [
            Baseline(name, options, data, max(self.ks)) for name, options in self.baselines.items()
        ]
        remove_store(run.store)  # of an interrupted test
        try:
            simulation = simulate(
                run.store,
                [Picture(name, data.collection.root / name) for name in data.split.database],
                task.codes_of(database),
                task.codes_of(queries),
                mode=self.codes,
                k=max(*self.ks, self.answers_shown),
                seed=data.seed,
                shown=shown,
                answers_shown=self.answers_shown,
                others={baseline.name: baseline.search for baseline in baselines},
            )
        except BaseException:
            remove_store(run.store)  # half an upload, on a disk that may be full
            raise
        if not self.keep_store:
            remove_store(run.store)
        outcome = Outcome(
            run,
            task,
            data,
            database,
            queries,
            simulation,
            self._hashing_seconds,
            self.keep_store,
            self.leakage,
            {
                baseline.name: baseline.as_dict(
                    simulation.others[baseline.name], database.labels, queries.labels, self.ks
                )
                for baseline in baselines
            },
        )
        outcome.write_codes()
        outcome.draw(shown, self.answers_shown)
        outcome.write_results(self.ks, trainer)


def _of_different_classes(labels: npt.NDArray[np.int64], count: int) -> list[int]:
    """The first query of each of `count` classes that are spread over all classes."""
    _, first = np.unique(labels, return_index=True)
    chosen = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)
    return [int(first[i]) for i in chosen]
