"""What a stand-in for W&B's server knows and answers; see `wandb_server.py`.

It keeps what it is told. Of W&B's GraphQL it has the operations that runs, artifacts, `wandb sync`,
`wandb sweep` and `wandb agent` ask for; another one is answered with an error.
"""

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

TEAM, KEY = "a-team", "0" * 40
HISTORY, EVENTS, SUMMARY = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json"
TIME = "2026-01-01T00:00:00"
OPERATION = re.compile(r"\s*(?:query|mutation)\s+(\w+)")


@dataclass
class Run:
    """What the server knows of a run.

    Attributes:
        told: The latest of each of its attributes, such as `groupName`.
        config: As W&B's browser shows it.
        summary: As it shows it.
        lines: Of each stream, by their number.
        files: What was uploaded, by path.
        exit_code: None as long as it runs.
    """

    told: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, dict[int, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was logged, in its order."""
        return [json.loads(line) for line in self.stream(HISTORY)]

    def curve(self, name: str, over: str = "trainer/global_step") -> list[tuple[Any, Any]]:
        """The points of a curve, in the order in which they were logged."""
        return [(row[over], row[name]) for row in self.history if name in row]

    def stream(self, name: str) -> list[str]:
        """The lines of a stream."""
        return [line for _, line in sorted(self.lines.get(name, {}).items())]


@dataclass
class Artifact:
    """A versioned set of files."""

    name: str
    type: str
    aliases: list[str]
    metadata: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False


@dataclass
class Sweep:
    """A grid, with the combinations that no agent has begun yet."""

    config: dict[str, Any]
    waiting: list[dict[str, Any]]


class WandbState:
    """What is known, and how it is asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.runs: dict[str, Run] = {}
        self.artifacts: list[Artifact] = []
        self.sweeps: dict[str, Sweep] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What logs a process in here."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY, "no_proxy": "127.0.0.1"}

    def answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer a GraphQL operation."""
        operations = {
            "Viewer": self._viewer,
            "ServerFeaturesQuery": lambda _: {"serverInfo": {"features": []}},
            "UpsertBucket": self._upsert_run,
            "RunResumeStatus": self._resume_status,
            "CreateRunFiles": self._create_run_files,
            "ArtifactType": lambda _: {"project": {"artifact": None}},
            "CreateArtifact": self._create_artifact,
            "CreateArtifactManifest": self._create_manifest,
            "CreateArtifactFiles": self._create_artifact_files,
            "CommitArtifact": self._commit_artifact,
            "GetDefaultEntity": self._viewer,
            "ArtifactMembershipByName": self._find_artifact,
            "FetchArtifactManifest": self._find_manifest,
            "UpsertSweep": self._upsert_sweep,
            "SweepWithRuns": self._sweep,
            "CreateAgent": lambda given: {"createAgent": {"agent": {"id": given["sweep"]}}},
            "Heartbeat": self._heartbeat,
        }
        name = OPERATION.match(query)[1]
        if name not in operations:
            return {"errors": [{"message": f"the stand-in has no {name}"}]}
        return {"data": operations[name](given)}

    def take_lines(self, run_id: str, sent: dict[str, Any]) -> None:
        """Take lines of a run's streams, over those that are there under the same numbers."""
        run = self.runs[run_id]
        for name, chunk in (sent.get("files") or {}).items():
            new = enumerate(chunk["content"], start=chunk["offset"])
            run.lines.setdefault(name, {}).update(new)
            if name == SUMMARY:
                run.summary = json.loads(chunk["content"][-1])
        if sent.get("complete"):
            run.exit_code = sent["exitcode"]

    def take_file(self, kind: str, owner: str, name: str, content: bytes) -> None:
        """Take a whole file of a run or an artifact."""
        owning = self.runs[owner] if kind == "run" else self.artifacts[int(owner)]
        owning.files[name] = content

    def file(self, owner: str, name: str) -> bytes:
        """A file of an artifact."""
        return self.artifacts[int(owner)].files[name]

    def _viewer(self, _: Any) -> dict[str, Any]:
        person = {"id": "1", "entity": TEAM, "username": "anna", "flags": "{}"}
        return {"viewer": {**person, "teams": {"edges": []}}}

    # ---------------------------------------------------------------- runs

    def _upsert_run(self, given: dict[str, Any]) -> dict[str, Any]:
        inserted = given["name"] not in self.runs
        run = self.runs.setdefault(given["name"], Run())
        run.told.update({name: value for name, value in given.items() if value is not None})
        run.config = {k: v["value"] for k, v in json.loads(run.told["config"]).items()}
        bucket = {
            "id": given["name"],
            "name": given["name"],
            "displayName": run.told.get("displayName"),
            "config": run.told["config"],
            "sweepName": run.told.get("sweep"),
            "project": _project(run.told["project"]),
            "historyLineCount": len(run.history),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def _resume_status(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(given["name"])
        bucket = run and {
            "id": given["name"],
            "name": given["name"],
            "displayName": run.told.get("displayName"),
            "config": run.told["config"],
            "tags": run.told.get("tags"),
            "summaryMetrics": json.dumps(run.summary),
            "logLineCount": len(run.stream("output.log")),
            "historyLineCount": len(run.stream(HISTORY)),
            "eventsLineCount": len(run.stream(EVENTS)),
            "historyTail": json.dumps(run.stream(HISTORY)[-1:]),
            "eventsTail": json.dumps(run.stream(EVENTS)[-1:]),
            # Without W&B's telemetry in it, a run does not count as one that has begun.
            "wandbConfig": json.dumps({"t": run.config["_wandb"]["t"]}),
        }
        return {"model": {**_project(given["project"]), "bucket": bucket}}

    def _create_run_files(self, given: dict[str, Any]) -> dict[str, Any]:
        files = [
            {"name": name, "uploadUrl": f"{self.url}/upload/run/{given['run']}/{name}"}
            for name in given["files"]
        ]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}

    # ---------------------------------------------------------------- artifacts

    def _create_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        asked = given["input"]
        self.artifacts.append(
            Artifact(
                asked["artifactCollectionName"],
                asked["artifactTypeName"],
                [alias["alias"] for alias in asked["aliases"]],
                json.loads(asked["metadata"] or "{}"),
            )
        )
        created = {"id": str(len(self.artifacts) - 1), "state": "PENDING"}
        created["artifactSequence"] = {"latestArtifact": None}
        return {"createArtifact": {"artifact": created}}

    def _create_manifest(self, given: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.url}/upload/artifact/{given['artifactID']}/manifest.json"
        file = {"id": "manifest", "uploadUrl": url, "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "manifest", "file": file}}}

    def _create_artifact_files(self, given: dict[str, Any]) -> dict[str, Any]:
        nodes = [
            {
                "storagePath": file["name"],
                "uploadUrl": f"{self.url}/upload/artifact/{file['artifactID']}/{file['name']}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": file["artifactID"]},
            }
            for file in given["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}

    def _commit_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        self.artifacts[int(given["artifactID"])].committed = True
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": ""}}}

    def _find_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        name, _, version = given["name"].partition(":")
        of_name = [artifact for artifact in self.artifacts if artifact.name == name]
        found = [a for number, a in enumerate(of_name) if version in {f"v{number}", *a.aliases}]
        if not found:
            return {"project": {"artifactCollectionMembership": None}}
        number, (artifact,) = of_name.index(found[0]), found
        collection = {
            "__typename": "ArtifactSequence",
            "name": name,
            "project": {**_project(given["project"]), "internalId": "1"},
        }
        membership = {"id": "1", "versionIndex": number, "createdAt": TIME, "aliases": []}
        described = {
            "id": str(self.artifacts.index(artifact)),
            "artifactSequence": collection,
            "versionIndex": number,
            "artifactType": {"name": artifact.type},
            "description": None,
            "metadata": json.dumps(artifact.metadata),
            "ttlDurationSeconds": -1,
            "ttlIsInherited": False,
            "tags": [],
            "historyStep": None,
            "state": "COMMITTED",
            "size": sum(map(len, artifact.files.values())),
            "digest": "",
            "commitHash": None,
            "fileCount": len(artifact.files),
            "createdAt": TIME,
            "updatedAt": None,
        }
        membership |= {"artifactCollection": collection, "artifact": described}
        return {"project": {"artifactCollectionMembership": membership}}

    def _find_manifest(self, given: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.url}/artifactsV2/{given['id']}/manifest.json"
        return {"artifact": {"currentManifest": {"file": {"directUrl": url}}}}

    # ---------------------------------------------------------------- sweeps

    def _upsert_sweep(self, given: dict[str, Any]) -> dict[str, Any]:
        config = yaml.safe_load(given["config"])
        possible = {
            name: parameter.get("values", [parameter.get("value")])
            for name, parameter in config["parameters"].items()
        }
        combinations = [
            dict(zip(possible, chosen, strict=True))
            for chosen in itertools.product(*possible.values())
        ]
        sweep_id = f"sweep{len(self.sweeps)}"
        self.sweeps[sweep_id] = Sweep(config, combinations)
        sweep = {"name": sweep_id, "project": _project(given["projectName"])}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def _sweep(self, given: dict[str, Any]) -> dict[str, Any]:
        config = yaml.safe_dump(self.sweeps[given["sweep"]].config)
        sweep = {"id": given["sweep"], "name": given["sweep"], "config": config}
        return {"project": {"sweep": {**sweep, "runs": {"edges": []}}}}

    def _heartbeat(self, given: dict[str, Any]) -> dict[str, Any]:
        """An agent, which bears its sweep's name here, gets one run at a time to start."""
        sweep, commands = self.sweeps[given["id"]], []
        if not any(json.loads(given["runState"]).values()):
            commands = [{"type": "exit"}]
            if sweep.waiting:
                combination = sweep.waiting.pop(0)
                arguments = {name: {"value": value} for name, value in combination.items()}
                run_id = f"{given['id']}-run{len(sweep.waiting)}"
                program = sweep.config["program"]
                commands = [
                    {"type": "run", "run_id": run_id, "program": program, "args": arguments}
                ]
        answer = {"agent": {"id": given["id"]}, "commands": json.dumps(commands)}
        return {"agentHeartbeat": answer}


def _project(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "entity": {"id": TEAM, "name": TEAM}}
