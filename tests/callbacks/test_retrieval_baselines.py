"""Baselines in a run: their answers are counted, opened and timed as the network's are."""

import hashlib
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import read_codes, the_run
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from dlheir.baselines import NO_ANSWER, ServerIndex, System, register_system
from dlheir.baselines.registry import _SYSTEMS
from dlheir.callbacks.code import CodeVersion
from dlheir.callbacks.retrieval import RetrievalCallback
from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.results import precision_table, read_results
from dlheir.runs import RunFolder
from dlheir.store.keys import OwnerKeys
from dlheir.task import HashingTask

KS = (3, 5, 40)  # 40 is more than the database holds
STEP = 100  # so coarse that two of the three classes tie


class Levels(ServerIndex):
    """Ranks by the difference of two numbers, if it is not above a limit."""

    def __init__(self, levels, limit):
        self.levels, self.limit = levels, limit

    def __len__(self):
        return len(self.levels)

    def search(self, trapdoors, k):
        scores = np.abs(self.levels[None] - trapdoors[:, None]).astype(float)
        scores[scores > self.limit] = np.inf
        rows = np.argsort(scores, axis=1, kind="stable")[:, :k]
        scores = np.take_along_axis(scores, rows, axis=1)
        return np.where(np.isinf(scores), NO_ANSWER, rows), scores


class Reddest(System):
    """The mean level of red, rounded so that pictures tie."""

    title = "Red"
    prepared = None

    def __init__(self, *, step: int = 16, limit: float = 1e9, seed: int | None = None) -> None:
        super().__init__(seed=seed)
        if step < 1:
            raise InputError(f"step is {step}; give 1 or more")
        self.step, self.limit = step, limit

    def prepare(self, pictures):
        Reddest.prepared = list(pictures)

    def features(self, pictures):
        return np.array([[red(picture) // self.step] for picture in pictures])

    def index(self, features):
        return Levels(features[:, 0], self.limit)

    def trapdoors(self, features):
        return features[:, 0]


def red(picture: Path) -> float:
    return np.asarray(Image.open(picture).convert("RGB"))[..., 0].mean()


@pytest.fixture(scope="module", autouse=True)
def red_system():
    register_system("red")(Reddest)
    yield
    del _SYSTEMS["red"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """What is kept of a system that stands in a test is nobody else's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "dlheir" / "baselines"


@pytest.fixture(scope="module")
def data(make_pictures):
    root = make_pictures({"a": 8, "b": 9, "c": 20})  # orders of ties must not be worth the same
    return PictureFolder(str(root), image_size=32, batch_size=8, workers=0)


@pytest.fixture(scope="module")
def run_with(data, tmp_path_factory):
    """Train for a step, test, and return the run's folder."""

    def run_with(**settings):
        run = RunFolder(tmp_path_factory.mktemp("run"))
        torch.manual_seed(0)
        task = HashingTask("dlheir_nano", bits=5, num_classes=data.num_classes, image_size=32)
        saving = ModelCheckpoint(run.checkpoints, "last", save_on_train_epoch_end=True)
        trainer = Trainer(
            max_epochs=1,
            limit_train_batches=1,
            accelerator="cpu",
            logger=False,
            callbacks=[saving, CodeVersion(), RetrievalCallback(ks=KS, **settings)],
            default_root_dir=run.path,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        trainer.fit(task, datamodule=data)
        task.load(run.last)
        trainer.test(task, datamodule=data, verbose=False)
        return run

    return run_with


@pytest.fixture(scope="module")
def results(run_with):
    return read_results(run_with(baselines={"red": {"step": STEP}}).results)


def ranked_by_hand(data, step, limit=1e9):
    """Answers to each query as relevant or not, in the order (difference, picture id)."""
    key = hashlib.sha256(f"dlheir simulation {data.seed}".encode()).digest()
    keys = replace(OwnerKeys.generate(), naming_key=key)
    split, root = data.split, data.collection.root
    database = sorted(split.database, key=keys.picture_id)
    labels = dict(zip(database, data.labels(tuple(database)), strict=True))
    level = {name: red(root / name) // step for name in (*database, *split.queries)}
    for query, label in zip(split.queries, data.labels(split.queries), strict=True):
        near = [name for name in database if abs(level[name] - level[query]) <= limit]
        near.sort(key=lambda name: abs(level[name] - level[query]))
        yield [labels[name] == label for name in near]


def precision_by_hand(data, step, limit=1e9):
    ranked = list(ranked_by_hand(data, step, limit))
    return {str(k): sum(sum(line[:k]) / k for line in ranked) / len(ranked) for k in KS}


def test_precision_is_that_of_a_ranking_by_hand_with_ties_by_picture_id(results, data):
    found = results["baselines"]["red"]
    assert found["precision"] == pytest.approx(precision_by_hand(data, STEP))
    assert found["precision"] != pytest.approx(precision_by_hand(data, 1))  # there were ties
    assert found["title"] == "Red"
    assert found["options"] == {"step": STEP}
    assert found["feature_shape"] == [1]
    assert found["timing"].keys() == {"prepare", "features", "index", "trapdoor", "search"}
    assert "pictures_compared" not in found


def test_it_learns_from_the_training_pictures(results, data):
    assert Reddest.prepared == data.paths(data.split.training)


def test_the_networks_own_results_stay_the_same(results, run_with):
    alone = read_results(run_with().results)
    assert "baselines" not in alone
    for name in ("precision", "expected_precision", "map"):
        assert results[name] == alone[name]


def test_a_prefilter_that_leaves_few_counts_what_is_missing_as_wrong(run_with, data):
    limit = 2
    found = read_results(run_with(baselines={"red": {"limit": limit}}).results)["baselines"]["red"]
    ranked = list(ranked_by_hand(data, 16, limit))
    shares = [len(line) / len(data.split.database) for line in ranked]
    assert 0 < found["pictures_compared"] < 1
    assert found["pictures_compared"] == pytest.approx(sum(shares) / len(shares))
    assert found["precision"] == pytest.approx(precision_by_hand(data, 16, limit))


def test_a_run_that_differs_in_its_network_alone_takes_the_same_answers(results, run_with):
    Reddest.prepared = None
    again = read_results(run_with(codes="keyed", baselines={"red": {"step": STEP}}).results)
    assert Reddest.prepared is None
    assert again["baselines"] == results["baselines"]


def test_the_terminal_shows_it_below_the_network(results):
    table = precision_table(results)
    assert list(table.columns[0].cells)[-1] == "Red"
    shown = [f"{100 * share:.2f}" for share in results["baselines"]["red"]["precision"].values()]
    assert [list(column.cells)[-1] for column in table.columns[1:-1]] == shown


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ({"nobody": {}}, "unknown baseline 'nobody'"),
        ({"red": {"blue": 1}}, "takes no 'blue'"),
        ({"red": {"seed": 1}}, "takes no 'seed'"),
        ({"red": {"name": "x"}}, "takes no 'name'"),
        ({"red": {"step": 0}}, "give 1 or more"),
        ({"red": {"step": "much"}}, "red"),
    ],
)
def test_what_no_system_can_be_made_of_is_refused_at_once(baselines, message):
    with pytest.raises(InputError, match=message) as caught:
        RetrievalCallback(baselines=baselines)
    assert str(caught.value).startswith("retrieval.baselines: ")
    assert "\n" not in str(caught.value)


def test_making_systems_leaves_the_networks_first_weights_as_they_are(monkeypatch):
    made = []

    def draw(system, **options):
        made.append(torch.rand(3))
        System.__init__(system, seed=options.get("seed"))

    monkeypatch.setattr(Reddest, "__init__", draw)
    monkeypatch.setattr(Reddest, "__signature__", inspect.Signature(), raising=False)
    before = torch.get_rng_state()
    RetrievalCallback(baselines={"red": {}})
    assert made
    assert torch.equal(torch.get_rng_state(), before)


BASELINES = "{hsv_histogram: {}, qin: {}}"


def check_real_baselines(done, folder):
    assert done.code == 0, done.err
    found = read_results(folder / "results.json")["baselines"]
    assert list(found) == ["hsv_histogram", "qin"]
    for baseline in found.values():
        assert baseline["title"] in done.out
        assert baseline["precision"]["20"] > 0


def test_a_run_with_baselines_is_the_same_run(main, small, finished_run, tmp_path):
    done = main(*small(tmp_path, retrieval__baselines=BASELINES))
    folder = the_run(tmp_path)
    check_real_baselines(done, folder)
    assert folder.name == finished_run.folder.name
    found, alone = read_codes(folder), read_codes(finished_run.folder)
    for name in ("database_codes", "query_codes", "database_ids"):
        np.testing.assert_array_equal(found[name], alone[name])


def test_a_checkpoint_is_tested_beside_baselines(main, small, finished_run, tmp_path):
    last = finished_run.folder / "checkpoints" / "last.ckpt"
    done = main(*small(tmp_path, "test", ckpt_path=last, retrieval__baselines=BASELINES))
    check_real_baselines(done, the_run(tmp_path))


@pytest.mark.parametrize(
    ("baselines", "says"),
    [
        ("{nobody: {}}", "unknown baseline 'nobody'"),
        ("{qin: {blue: 1}}", "takes no 'blue'"),
        ("{qin: {bits: much}}", "bits is 'much'"),
    ],
)
def test_the_command_line_refuses_in_one_line_before_any_work(
    main, small, tmp_path, baselines, says
):
    done = main(*small(tmp_path / "runs", retrieval__baselines=baselines))
    assert done.code == 2
    (line,) = done.complaints
    assert says in line
    assert not (tmp_path / "runs").exists()
