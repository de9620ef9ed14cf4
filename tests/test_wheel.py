"""A wheel carries what the command line needs and works from any folder."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from command_line import Running

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[1]
CARRIED = ("experiments", "checkpoints")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_carries_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "dlheir", *CARRIED],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    expected = {
        f"dlheir/_{name}" if name.startswith(tuple(f"{folder}/" for folder in CARRIED)) else name
        for name in listed
    }
    assert {
        "dlheir/_experiments/quickstart.yaml",
        "dlheir/_checkpoints/registry.json",
        "dlheir/results.schema.json",
    } <= expected
    assert {name for name in expected if (ROOT / name).exists()} - names == set()
    strange = [name for name in names if not name.startswith(("dlheir/", "dlheir-"))]
    assert not strange


def test_wheel_works_from_any_folder(wheel, tmp_path):
    target, elsewhere, home = (tmp_path / name for name in ("target", "elsewhere", "home"))
    for folder in (target, elsewhere, home):
        folder.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command = [*pip, "install", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    # Before the editable installation of this clone, so that it is the wheel that answers.
    (elsewhere / "where.py").write_text("import dlheir; print(dlheir.__file__)")
    env = {"PYTHONPATH": str(target)}
    where = subprocess.run(
        [sys.executable, "where.py"],
        cwd=elsewhere,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()) == target / "dlheir" / "__init__.py"
    for more in ((), ("--config", "experiments/quickstart.yaml")):
        finished = Running(home, ("fit", *more, "--print_config"), env=env, cwd=elsewhere).wait()
        assert finished.code == 0, finished.err
        assert yaml.safe_load(finished.out)["experiment"] == "quickstart"
    verified = Running(home, ("checkpoints", "verify"), env=env, cwd=elsewhere).wait()
    assert verified.code == 0, verified.err
    known = json.loads((ROOT / "checkpoints" / "registry.json").read_text())["checkpoints"]
    assert known
    assert [line.partition(":")[0] for line in verified.out.splitlines()] == sorted(known)
