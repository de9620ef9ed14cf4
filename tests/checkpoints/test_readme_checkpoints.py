"""The README on checkpoints: its table, and its example of use from other people's code."""

import re
import subprocess
import sys
from pathlib import Path

from command_line import clean_environment

from dlheir.checkpoints import read_registry
from dlheir.data.gallery import CLASSES, write_pictures

README = Path(__file__).resolve().parents[2] / "README.md"
NO_LIGHTNING = "\nassert not {n for n in sys.modules if n.startswith('pytorch_lightning')}\n"


def example() -> str:
    found = re.search(
        r"<!-- search example -->\n```python\n(.*?)```\n<!-- end -->", README.read_text(), re.DOTALL
    )
    assert found
    return found[1]


def test_it_has_twenty_lines_and_finds_the_query_itself_without_lightning(tmp_path):
    assert len(example().splitlines()) <= 20
    write_pictures(tmp_path / "pictures", pictures_per_class=2, size=64)
    query = tmp_path / "pictures" / CLASSES[7] / "0001.png"
    script = tmp_path / "search.py"
    script.write_text(example() + NO_LIGHTNING)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "pictures", query],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    distances = [int(distance) for distance, _ in answers]
    assert len(answers) == 10
    assert distances == sorted(distances)
    assert distances[0] == 0
    assert str(query) in {path for distance, path in answers if distance == "0"}


def test_its_table_says_what_the_registry_says():
    rows = re.findall(r"^\| \[`(\S+)`\]\((\S+)\) \| (.*) \|$", README.read_text(), re.MULTILINE)
    entries = read_registry(README.with_name("checkpoints") / "registry.json").entries
    assert rows == [
        (
            name,
            f"checkpoints/{name}/README.md",
            f"{entry.bits} | {100 * entry.facts['scores']['expected_precision']['20']:.2f} | "
            f"{100 * entry.facts['scores']['expected_map']:.2f} | {entry.size / 1e6:.1f} MB",
        )
        for name, entry in entries.items()
    ]
