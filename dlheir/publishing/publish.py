"""Publishing a run: everything is made in a folder beside, and moved in at the end."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlheir.checkpoints import Entry, Registry, read_registry, write_registry
from dlheir.checkpoints.registry import FILE as REGISTRY
from dlheir.console import console
from dlheir.errors import InputError
from dlheir.files import sha256_of_file
from dlheir.hashing import open_hasher
from dlheir.locks import locked
from dlheir.models import load_checkpoint
from dlheir.models.published import write_published
from dlheir.models.trained import read_trained
from dlheir.publishing.configuration import needs_root, published_config
from dlheir.publishing.documents import README, write_documents
from dlheir.publishing.facts import about_run, about_test
from dlheir.publishing.finished import FinishedRun, read_finished
from dlheir.publishing.golden import golden_codes
from dlheir.publishing.names import check_name, default_name
from dlheir.publishing.overview import check_readme
from dlheir.publishing.picture import draw_on_generated
from dlheir.publishing.retest import Retest
from dlheir.publishing.ways import measure_ways

WEIGHTS, CONFIG, PICTURE = "model.safetensors", "config.yaml", "retrieval.png"


@dataclass(frozen=True)
class Wanted:
    """What is to be published, and how.

    Attributes:
        run: The run's folder.
        to: The folder of the registry and of what it names.
        name: Of the checkpoint; None takes `default_name`.
        root: The folder of pictures; None takes the run's.
        hosted: Whether the weights go to `to`; else they stay beside the test's results.
        exports: Whether ONNX files are made and held against PyTorch's codes.
        replace: Whether another file of the same name may go.
        weights_licence: Of the weights; None says how they came about.
        data_licence: Of the pictures; None takes what the data set says of itself.
    """

    run: Path
    to: Path
    name: str | None = None
    root: Path | None = None
    hosted: bool = True
    exports: bool = True
    replace: bool = False
    weights_licence: str | None = None
    data_licence: str | None = None


@dataclass(frozen=True)
class Published:
    """What came of it.

    Attributes:
        entry: The checkpoint.
        weights: Its file.
        card: Its card.
    """

    entry: Entry
    weights: Path
    card: Path


def publish(wanted: Wanted) -> Published:
    """Go from a finished run to file, card, registry entry and a line in the tables.

    Raises:
        InputError: The run cannot be published so; nothing was changed.
        WorkError: The file's test failed; nothing was published.
    """
    run = read_finished(wanted.run)
    name = check_name(wanted.name, run.results) if wanted.name else default_name(run.results)
    wanted.to.mkdir(parents=True, exist_ok=True)
    with locked(wanted.to / ".lock"), _draft(wanted.to / ".draft") as draft:
        registry = _registry(wanted.to)
        _write_weights(draft / WEIGHTS, run)
        _refuse_another(registry, name, draft / WEIGHTS, wanted)
        (draft / CONFIG).write_text(published_config(name, run), encoding="utf-8")
        retest = Retest(run, draft / WEIGHTS, draft / CONFIG, _root(run, wanted))
        entry = Entry(name, _facts(name, retest, wanted))
        _draw(draft / PICTURE, entry, retest, registry)
        return _move_in(draft, registry, entry, retest)


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A folder for what is not finished; one that a killed process left is emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _registry(to: Path) -> Registry:
    check_readme(to / README)
    path = to / REGISTRY
    return read_registry(path) if path.exists() else Registry(path, {})


def _write_weights(path: Path, run: FinishedRun) -> None:
    """Write the tested state of a run as a published file."""
    trained = read_trained(run.checkpoint)
    about = {"run_id": run.results["run_id"], "objective": run.results["objective"]}
    write_published(path, trained.settings, trained.state, about)


def _refuse_another(registry: Registry, name: str, weights: Path, wanted: Wanted) -> None:
    known = registry.entries.get(name)
    if known and known.sha256 != sha256_of_file(weights) and not wanted.replace:
        raise InputError(
            f"{name}: is published with the weights of {known.facts['trained']['run_id']}, which "
            "people may use; give another --name, or exchange them by --replace"
        )


def _root(run: FinishedRun, wanted: Wanted) -> Path | None:
    given = wanted.root or run.config["data"]["init_args"].get("root")
    if needs_root(run) and not Path(given).is_dir():
        raise InputError(f"{given}: no such folder; give the run's pictures by --root")
    return Path(given) if given else None


def _facts(name: str, retest: Retest, wanted: Wanted) -> dict[str, Any]:
    """All that the registry says of the checkpoint."""
    weights, data = retest.weights, retest.data
    about = about_run(name, retest.run, data)
    console.print(f"{name}: testing the published file")
    results = retest.results()
    console.print(f"{name}: hashing by other means")
    given = {"weights": wanted.weights_licence, "data": wanted.data_licence}
    return {
        "url": f"{name}/{WEIGHTS}" if wanted.hosted else None,
        "sha256": sha256_of_file(weights),
        "size": weights.stat().st_size,
        **about,
        **about_test(name, retest.run, results),
        "licence": about["licence"] | {of: text for of, text in given.items() if text},
        "golden": golden_codes(load_checkpoint(weights)),
        "hashing": measure_ways(
            weights, retest.run.checkpoint, data, results["precision"], exports=wanted.exports
        ),
    }


def _draw(path: Path, entry: Entry, retest: Retest, registry: Registry) -> None:
    """Bring the test's own picture, where anybody may see it, or draw one that anybody may."""
    drawn = registry.path.parent / entry.name / PICTURE
    known = registry.entries.get(entry.name)
    if retest.data.public:
        shutil.copyfile(retest.folder.picture, path)
    elif known and known.sha256 == entry.sha256 and drawn.is_file():
        shutil.copyfile(drawn, path)  # no picture is sealed twice into the same bytes
    else:
        draw_on_generated(path, entry.name, open_hasher(str(retest.weights)))


def _move_in(draft: Path, registry: Registry, entry: Entry, retest: Retest) -> Published:
    """Put everything in its place; the registry is what makes it a checkpoint."""
    to = registry.path.parent
    folder = to / entry.name
    folder.mkdir(exist_ok=True)
    hosted = folder / WEIGHTS
    weights = hosted if entry.url else retest.folder.path / WEIGHTS
    shutil.move(draft / WEIGHTS, weights)  # maybe to another disk
    for name in (CONFIG, PICTURE):
        (draft / name).replace(folder / name)
    entries = {**registry.entries, entry.name: entry}
    write_registry(registry.path, entries)
    if entry.url is None:
        hosted.unlink(missing_ok=True)
    write_documents(Registry(registry.path, entries))
    return Published(entry, weights, folder / README)
