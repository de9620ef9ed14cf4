"""The page: everything in one file, whatever a run's files say."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from made_runs import MadeRuns, Written
from PIL import Image

from dlheir.report.main import write_report

# Of HTML and SVG, those without an end.
EMPTY = {"meta", "img", "wbr", "link", "br"}


class Page(HTMLParser):
    """Reads a page, and fails where elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def full(finished_run, tmp_path_factory):
    """A report that has each section."""
    folder = tmp_path_factory.mktemp("full")
    runs = MadeRuns(folder / "runs", finished_run.folder)
    for size, macs in ((224, 10), (384, 30)):
        for bits in (12, 24):
            for seed in (0, 1):
                costs = {"complexity": {"macs": macs + bits}}
                runs.add(image_size=size, bits=bits, seed=seed, results=costs)
    runs.add(image_size=224, bits=12, settings={"model.threshold": "<script>&'"})
    failed = runs.add(bits=48, finished=False)
    runs.attempt(failed.name, 1, "<script>alert('no')</script> & \"so on\"")
    write_report([runs.folder], folder / "report")
    return Written(folder / "report")


def test_the_page_has_every_section_and_nothing_from_elsewhere(full):
    page = Page(full.html)
    headings = [text for text in page.texts if text.strip()]
    for heading in (
        "What is missing",
        "Table 1: precision by image size and bits",
        "Ablations",
        "Table 2: parameters and operations",
        "Precision over operations",
        "The paper's claims",
        "Retrieval",
    ):
        assert headings.count(heading) == 2, heading  # itself, and the way to it
    assert not page.all("script")
    assert not page.all("link")
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            place = attributes.get(name) or "#"
            assert place.startswith(("#", "data:")), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"@import|url\((?!#)", " ".join(page.texts))


def test_what_runs_say_is_text(full):
    assert "<script>alert('no')</script> & \"so on\"" in "".join(Page(full.html).texts)
    assert "<script" not in full.html


def test_names_are_unique_and_references_lead_somewhere(full):
    html = full.html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html)) <= {
        pair for name in ids for pair in ((name, ""), ("", name))
    }


def test_plots_take_the_pages_colours_and_say_what_they_show(full):
    page = Page(full.html)
    plots = page.all("svg")
    assert len(plots) == 6  # over k and over recall at two sizes, an ablation, costs
    assert all(plot["role"] == "img" and plot["viewbox"] for plot in plots)
    assert not any("width" in plot for plot in plots)
    assert (
        "Precision over k, the paper's Figure 3: dlheir_nano on Generated, "
        "protocol paper, model.threshold 0.5, 384 px" in page.texts
    )
    colours = {
        found
        for _, attributes in page.elements
        for found in re.findall(r"#[0-9a-f]{6}\b", attributes.get("style") or "")
    }
    assert not colours
    used = set(re.findall(r"var\((--[\w-]+)\)", full.html))
    for scheme in re.findall(r":root \{(.*?)\}", "".join(page.texts), re.DOTALL):
        assert used <= set(re.findall(r"(--[\w-]+):", scheme))


def test_pictures_are_of_the_best_known_run_and_the_others_are_counted(full):
    (shown,) = full.pictures
    assert shown.startswith("dlheir_nano-24b-384px-s0-")
    (image,) = Page(full.html).all("img")
    kind, content = image["src"].split(",")
    assert kind == "data:image/webp;base64"
    assert shown in image["alt"]
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert picture.width > 500
    assert "8 more lie as retrieval.png in the folders of their runs." in full.html
    assert f"![{shown}](pictures/{shown}.png)" in full.markdown


def test_a_page_has_few_pictures(made, report):
    runs = made()
    for number in range(6):
        runs.add(model=f"network{number}")
    written = report(runs.folder)
    assert len(written.pictures) == 4
    assert "2 more lie" in written.html


def test_a_damaged_picture_is_left_out(made, report):
    runs = made()
    (runs.add() / "retrieval.png").write_bytes(b"no picture")
    written = report(runs.folder)
    assert not written.pictures
    assert not Page(written.html).all("img")


def test_markdown_shows_each_plot_and_table(full):
    assert set(re.findall(r"\(plots/([\w.-]+)\.png\)", full.markdown)) == full.plots
    assert full.plots == {
        "table1-precision-over-k-384px", "table1-precision-over-k-224px",
        "table1-precision-over-recall-384px", "table1-precision-over-recall-224px",
        "ablation-threshold", "cost",
    }  # fmt: skip
    assert set(full.tables) == {
        "missing", "table1", "ablation-threshold", "table2", "cost", "claims",
    }  # fmt: skip
    headings = re.findall(r"^##+ (.*)", full.markdown, re.MULTILINE)
    assert headings == [
        "What is missing",
        "Table 1: precision by image size and bits",
        "dlheir_nano on Generated, protocol paper, model.threshold 0.5",
        "Ablations",
        "model.threshold on Generated, protocol paper",
        "Table 2: parameters and operations",
        "Precision over operations",
        "Precision over operations on Generated, protocol paper",
        "The paper's claims",
        "Retrieval",
    ]
    assert full.markdown.count("\n| ---") == len(full.tables)


def test_a_report_without_any_result(made, report):
    runs = made()
    runs.attempt(runs.add(finished=False).name, 1, "broken")
    runs.plan("refused-0", "no such folder", model__bits=12)
    written = report(runs.folder)
    assert "2 cells: 1 failed, 1 refused" in written.html
    assert "broken" in written.html
    assert "no such folder" in written.html
    assert not written.plots
