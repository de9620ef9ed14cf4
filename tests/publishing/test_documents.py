"""Cards and tables say what the registry says, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from publishing_fixtures import OWN, PAINTED

from dlheir.checkpoints import Entry, Registry, read_registry
from dlheir.data.cifar10_protocols import CIFAR10_PROTOCOLS
from dlheir.data.protocols import PROTOCOLS
from dlheir.publishing import card as cards
from dlheir.publishing.card import card
from dlheir.publishing.documents import write_documents
from dlheir.publishing.names import check_name, default_name
from dlheir.publishing.overview import BEGIN, END, boards_of, overview, write_readme

ROOT = Path(__file__).parents[2]
COMMITTED = read_registry(ROOT / "checkpoints" / "registry.json")
MOST_OF_ONE, MOST_OF_ALL = 6_000_000, 24_000_000  # bytes in the repository


def test_every_protocol_is_explained():
    assert set(cards.PROTOCOLS) == set(PROTOCOLS) | set(CIFAR10_PROTOCOLS)


def test_card_has_the_figures(published):
    for name, entry in published.registry.entries.items():
        text = card(entry)
        assert text == (published.folder / name / "README.md").read_text(encoding="utf-8")
        facts = entry.facts
        said = [entry.sha256, f"{entry.size:,} bytes", facts["tested"]["command"]]
        said += [facts["trained"]["command"], *facts["licence"].values()]
        said += [f"`{code}`" for code in facts["golden"]["codes"].values()]
        said += [f"{100 * v:.2f}" for v in facts["scores"]["expected_precision"].values()]
        said += [f"{way['flipped']:,} of {way['bits']:,}" for way in facts["hashing"].values()]
        assert [word for word in said if word not in text] == []
        assert f"opset {facts['hashing']['onnx']['opset']}" in text


def test_card_is_whole_markdown(published):
    for entry in published.registry.entries.values():
        text = card(entry)
        assert not re.search(r"\{\{|\}\}|\{%|None|\n\n\n", text)
        assert text.count("```") % 2 == 0
        # Each row of a table has as many cells as its head.
        for table in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
            assert len({row.count("|") for row in table.splitlines()}) == 1, table
        before = re.findall(r"(?<!\|)\n(?!\n)(?=\|)", text)
        assert not [line for line in before if line.strip()]


def test_facts_that_only_some_have(published):
    entry = published.registry.entries[OWN]
    trained = entry.facts["trained"] | {
        "backbone_weights": "ab" * 32,
        "state": "best",
        "git_commit": None,
    }
    text = card(Entry(OWN, entry.facts | {"trained": trained, "url": None, "threshold": "median"}))
    assert f"`{'ab' * 32}`" in text
    assert "best state on the validation part" in text
    assert "| commit | `unknown` |" in text
    assert "**Not hosted yet**" in text
    assert "median of each bit" in text
    solved = Entry(OWN, entry.facts | {"trained": trained | {"steps": 0, "epochs": 0}})
    assert "Solved, not trained" in card(solved)


def test_tables_keep_apart_what_does_not_compare(published):
    own = published.registry.entries[OWN]
    disjoint = Entry("dlheir_nano.other", own.facts | {"protocol": "disjoint"})
    better = own.facts["scores"] | {"expected_map": 1.0}
    best = Entry("dlheir_nano.best", own.facts | {"scores": better})
    boards = boards_of([disjoint, *published.registry.entries.values(), best])
    assert [(b.title, [e.name for e in b.entries]) for b in boards] == [
        ("Generated, protocol paper", [PAINTED]),
        ("PictureFolder, protocol disjoint", ["dlheir_nano.other"]),
        ("PictureFolder, protocol paper", ["dlheir_nano.best", OWN]),
    ]
    assert overview([disjoint, own]).count("| checkpoint |") == 2


def test_only_the_tables_of_a_document_change(published, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"# Mine\n\n{BEGIN}old\n{END}\nmore\n")
    entries = published.registry.entries.values()
    for _ in range(2):
        write_readme(path, entries)
        assert path.read_text() == f"# Mine\n\n{BEGIN}{overview(entries)}{END}\nmore\n"
    write_readme(path, [])
    assert path.read_text() == f"# Mine\n\n{BEGIN}{END}\nmore\n"


def test_documents_follow_the_registry(published, tmp_path):
    copy = published.copy(tmp_path / "checkpoints")
    entry = copy.registry.entries[OWN]
    licence = {"weights": "mine", "data": "yours"}
    changed = {OWN: replace(entry, facts=entry.facts | {"licence": licence})}
    write_documents(Registry(copy.folder / "registry.json", changed))
    assert "- Weights: mine.\n- Data: yours.\n" in (copy.folder / OWN / "README.md").read_text()
    assert PAINTED not in (copy.folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("model", "data", "size", "name"),
    [
        ("mobilenet_v2", "Corel5K", 224, "mobilenet_v2.corel5k_48b"),
        ("dlheir", "CIFAR10", 384, "dlheir.cifar10_48b_384px"),
        ("timm/vit_tiny.x", "Corel1K", 224, "timm-vit_tiny.x.corel1k_48b"),
    ],
)
def test_names(model, data, size, name):
    results = {"model": model, "bits": 48, "image_size": size, "data": {"name": data}}
    assert default_name(results) == name
    assert check_name(name, results) == name


@pytest.mark.parametrize("name", list(COMMITTED.entries))
def test_committed_cards_are_the_registry_s(name):
    entry = COMMITTED.entries[name]
    folder = COMMITTED.path.parent / name
    assert (folder / "README.md").read_text(encoding="utf-8") == card(entry)
    assert (folder / "retrieval.png").is_file()
    assert (folder / "config.yaml").is_file()
    assert entry.url is None or entry.size <= MOST_OF_ONE
    assert (folder / "model.safetensors").is_file() == (entry.url is not None)


def test_committed_tables_are_the_registry_s():
    text = (COMMITTED.path.parent / "README.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(BEGIN)
    assert rest.partition(END)[0] == overview(COMMITTED.entries.values())
    assert sum(e.size for e in COMMITTED.entries.values() if e.url) <= MOST_OF_ALL
