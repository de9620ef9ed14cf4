"""What others do with what was published: list, download, verify and test, in a fresh place."""

import json
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import the_run
from publishing_fixtures import OWN, PAINTED

from dlheir.checkpoints import write_registry
from dlheir.results import read_results

# Of one machine, or of how fast it was.
NOT_THE_SAME = ("timing",)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def clone(published, tmp_path_factory):
    """A registry with its cards, as in a clone, and a server that has the weights."""
    folder = tmp_path_factory.mktemp("clone") / "checkpoints"
    shutil.copytree(published.folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    handler = partial(QuietHandler, directory=published.folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = tmp_path_factory.mktemp("cache")
    env = {
        "DLHEIR_REGISTRY": str(folder / "registry.json"),
        "DLHEIR_CHECKPOINTS_BASE": f"http://127.0.0.1:{server.server_address[1]}",
        "XDG_CACHE_HOME": str(home),
        "no_proxy": "127.0.0.1",
    }
    yield SimpleNamespace(folder=folder, env=env, cache=home / "dlheir" / "checkpoints")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", [OWN, PAINTED])
def test_elsewhere_everything_comes_out_the_same(
    clone, published, dlheir, pictures, tmp_path, name
):
    """`download`, `verify` and `test`, where there is nothing but the registry and a server."""
    finished = dlheir("checkpoints", "download", name, env=clone.env)
    assert finished.code == 0, finished.err
    downloaded = Path(finished.out.strip())
    assert downloaded.read_bytes() == (published.folder / name / "model.safetensors").read_bytes()
    assert downloaded.is_relative_to(clone.cache)

    offline = clone.env | {"DLHEIR_OFFLINE": "1", "DLHEIR_CHECKPOINTS_BASE": "http://127.0.0.1:9"}
    finished = dlheir("checkpoints", "verify", name, env=offline)
    assert (finished.code, finished.out) == (0, f"{name}: as published\n"), finished.err

    facts = published.registry.entries[name].facts
    _, *command = facts["tested"]["command"].replace("PICTURES", str(pictures)).split()
    finished = dlheir(*command, "--wandb.mode=disabled", env=offline, cwd=tmp_path)
    assert finished.code == 0, finished.err
    found = read_results(the_run(tmp_path / "runs") / "results.json")
    (tested,) = (published.runs[name].parent.parent / "published").glob("*/results.json")
    expected = read_results(tested)
    expected["store"]["kept"] = True
    for results in (found, expected):
        for key in NOT_THE_SAME:
            del results[key]
    assert found == expected


def test_list(published, dlheir):
    registry = ("--registry", published.folder / "registry.json")
    shown = dlheir("checkpoints", "list", *registry)
    assert shown.code == 0
    for board in ("Generated, protocol paper", "PictureFolder, protocol paper"):
        assert board in shown.out
    for name, entry in published.registry.entries.items():
        (line,) = [line for line in shown.out.splitlines() if name in line]
        scores = entry.facts["scores"]
        for share in (*list(scores["expected_precision"].values())[:1], scores["expected_map"]):
            assert f" {100 * share:.2f} " in line
    told = dlheir("checkpoints", "list", "--json", *registry)
    assert json.loads(told.out) == {n: e.facts for n, e in published.registry.entries.items()}


def test_download_says_what_it_wants(published, main):
    registry = ("--registry", published.folder / "registry.json")
    for arguments in ([], ["--all", OWN]):
        finished = main("checkpoints", "download", *arguments, *registry)
        assert finished.code == 2
        assert finished.complaints == [
            "dlheir: give the names of checkpoints, or --all; see dlheir checkpoints list"
        ]
    finished = main("checkpoints", "download", OWN, OWN[:-1], *registry)
    assert finished.code == 2
    assert f"did you mean {OWN}?" in finished.err
    assert not finished.out
    finished = main("checkpoints", "download", "--all", *registry)
    paths = [published.folder / name / "model.safetensors" for name in (PAINTED, OWN)]
    assert finished.out.split() == list(map(str, paths))


@pytest.fixture
def place(published, tmp_path):
    """A copy to damage, and a function that verifies it."""
    copy = published.copy(tmp_path / "checkpoints")
    return SimpleNamespace(
        folder=copy.folder,
        entries=copy.registry.entries,
        registry=("--registry", copy.folder / "registry.json"),
        write=lambda entries: write_registry(copy.folder / "registry.json", entries),
    )


def test_verify_goes_on_after_a_changed_byte(place, main):
    path = place.folder / PAINTED / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    finished = main("checkpoints", "verify", *place.registry)
    assert finished.code == 1
    failed, whole = finished.out.splitlines()
    assert failed.startswith(f"FAILED checkpoint {PAINTED}: {path} is not the file")
    assert whole == f"{OWN}: as published"
    (complaint,) = finished.complaints
    assert complaint.endswith(f"registry.json: not as they should be: {PAINTED}; see above")
    assert main("checkpoints", "verify", OWN, *place.registry).code == 0


def test_verify_finds_other_codes(place, main):
    facts = place.entries[OWN].facts
    picture, code = next(iter(facts["golden"]["codes"].items()))
    facts["golden"]["codes"][picture] = f"{int(code, 16) ^ 1:012x}"
    place.write(place.entries)
    finished = main("checkpoints", "verify", OWN, *place.registry)
    assert finished.code == 1
    assert finished.out.startswith(f"FAILED {OWN}: 1 of 16 golden codes are others")


def test_what_is_not_hosted(place, main):
    place.entries[OWN].facts["url"] = None
    place.write(place.entries)
    assert "not hosted yet" in main("checkpoints", "list", *place.registry).out
    finished = main("checkpoints", "verify", *place.registry)
    assert (finished.code, finished.out) == (0, f"{PAINTED}: as published\n")
    finished = main("checkpoints", "verify", OWN, *place.registry)
    assert finished.code == 1
    assert finished.out.startswith(f"FAILED checkpoint {OWN}: not hosted yet")
    assert PAINTED in main("checkpoints", "download", "--all", *place.registry).out
    finished = main("checkpoints", "download", OWN, *place.registry)
    assert finished.code == 2
    assert "not hosted yet" in finished.err


def test_an_empty_registry(main, tmp_path):
    path = tmp_path / "registry.json"
    write_registry(path, {})
    for command, line in (("list", "no checkpoints yet"), ("verify", "no hosted checkpoints yet")):
        finished = main("checkpoints", command, "--registry", path)
        assert (finished.code, finished.out) == (0, f"{path}: {line}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nonsense"], "unknown command checkpoints 'nonsense'; there are list, download, "),
        (["list", "--registry", "/gone.json"], "/gone.json: no registry of checkpoints there"),
        (["verify", "a.b"], "a.b: no such checkpoint in "),
    ],
)
def test_wrong_arguments(main, arguments, line):
    finished = main("checkpoints", *arguments)
    assert finished.code == 2
    (complaint,) = finished.complaints
    assert line in complaint


def test_help_teaches(main):
    from dlheir.checkpoint_commands.main import COMMANDS, STORY

    for arguments in ([], ["--help"]):
        assert main("checkpoints", *arguments).out == STORY
    assert max(map(len, STORY.splitlines())) <= 100
    for command in COMMANDS:
        assert f"dlheir checkpoints {command} " in STORY


def test_what_needs_no_network_needs_no_torch():
    """Neither `list` and `download` nor the cards and tables have to wait for it."""
    program = (
        "import sys, dlheir.checkpoint_commands.main;"
        "from dlheir.checkpoint_commands import download, list, publish, verify;"
        "from dlheir.publishing import documents;"
        "sys.exit(bool({'torch', 'pytorch_lightning'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
