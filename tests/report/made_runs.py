"""Run folders made from a real run's files, so that a test knows every number in them."""

import copy
import hashlib
import json
import shutil
from pathlib import Path

import yaml

KS = (20, 40, 60, 80, 100)


class MadeRuns:
    """An experiment's folder to fill.

    Args:
        folder: The experiment's folder.
        template: The folder of a real, finished run.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self._config = yaml.safe_load((template / "config.yaml").read_text())
        self._results = json.loads((template / "results.json").read_text())
        self._picture = template / "retrieval.png"
        self._planned: list[dict] = []

    def add(
        self,
        *,
        precision=0.5,
        expected=None,
        finished=True,
        seed=0,
        data="Generated",
        protocol="paper",
        settings=None,
        results=None,
        **identity,
    ) -> Path:
        """Write a run's folder.

        Args:
            precision: As served at each of KS, or at all of them.
            expected: The same over all orders of ties.
            finished: Whether it has results.
            seed: Its seed.
            data: Name of the data set.
            protocol: Under which it was measured.
            settings: Dotted settings to change in its configuration.
            results: Entries to change in its results.
            identity: model, bits, image_size.
        """
        model, bits, image_size = (
            identity.get(name, default)
            for name, default in (("model", "dlheir_nano"), ("bits", 48), ("image_size", 224))
        )
        config = copy.deepcopy(self._config)
        config["seed_everything"] = seed
        config["model"] |= {"name": model, "bits": bits}
        config["data"]["class_path"] = f"dlheir.data.{data}"
        config["data"]["init_args"] |= {"image_size": image_size, "protocol": protocol}
        for key, value in (settings or {}).items():
            section, name = key.split(".", 1)
            place = config[section] if section != "data" else config["data"]["init_args"]
            if "." in name:
                name, inner = name.split(".")
                place[name] = {**(place.get(name) or {}), inner: value}
            else:
                place[name] = value
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]
        run = self.folder / f"{model.replace('/', '-')}-{bits}b-{image_size}px-s{seed}-{digest}"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        if finished:
            found = copy.deepcopy(self._results) | {
                "run_id": run.name,
                "model": model,
                "bits": bits,
                "image_size": image_size,
                "seed": seed,
                "objective": config["model"]["objective"],
                "protocol": protocol,
                "precision": _by_k(precision),
                "expected_precision": _by_k(precision if expected is None else expected),
                "precision_ceiling": _by_k((1.0, 1.0, 1.0, 1.0, 0.8)),
            }
            found["data"]["name"] = data
            found["split"] |= {"seed": seed, "sha256": f"{seed:064x}"}
            for key, value in (results or {}).items():
                found[key] = {**found.get(key, {}), **value} if isinstance(value, dict) else value
            (run / "results.json").write_text(json.dumps(found))
            shutil.copy(self._picture, run)
        return run

    def attempt(
        self, run_id: str, exit_code: int, *last_lines: str, began="2026-11-22T23:40:01+00:00"
    ) -> None:
        """Write down an attempt of a sweep."""
        folder = self.folder / "attempts"
        folder.mkdir(parents=True, exist_ok=True)
        attempt = {
            "began": began,
            "seconds": 1.5,
            "exit_code": exit_code,
            "host": "somewhere",
            "last_lines": list(last_lines),
        }
        content = {"schema": 1, "run_id": run_id, "attempts": [attempt]}
        (folder / f"{run_id}.json").write_text(json.dumps(content))

    def plan(self, run_id: str, refused: str | None = None, **combination) -> None:
        """Plan a cell; `__` stands for the dots of its parameters."""
        dotted = {key.replace("__", "."): value for key, value in combination.items()}
        self._planned.append(
            {
                "id": run_id,
                "number": len(self._planned),
                "combination": dotted,
                "arguments": ["fit", *(f"--{key}={value}" for key, value in dotted.items())],
                "refused": refused,
            }
        )
        (self.folder / "sweeps").mkdir(parents=True, exist_ok=True)
        plan = {
            "schema": 1,
            "name": "made",
            "method": "grid",
            "varied": sorted({key for cell in self._planned for key in cell["combination"]}),
            "cells": self._planned,
        }
        (self.folder / "sweeps" / "made.json").write_text(json.dumps(plan))


def _by_k(values) -> dict[str, float]:
    values = [values] * len(KS) if isinstance(values, int | float) else values
    return dict(zip(map(str, KS), values, strict=True))


class Written:
    """A report's files, read back."""

    def __init__(self, folder: Path) -> None:
        self.html = (folder / "index.html").read_text()
        self.markdown = (folder / "report.md").read_text()
        self.tables = {path.stem: path.read_text() for path in (folder / "tables").glob("*.csv")}
        self.plots = {path.stem for path in (folder / "plots").glob("*.png")}
        self.pictures = {path.stem for path in (folder / "pictures").glob("*.png")}
