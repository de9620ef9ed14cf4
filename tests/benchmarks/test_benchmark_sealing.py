"""`dlheir benchmark sealing`: that it measures what it says; never how long."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image

from dlheir.benchmarks import jpegs, sealing
from dlheir.benchmarks.figure import Figure
from dlheir.benchmarks.jpegs import write_jpegs
from dlheir.store import CloudServer, Picture


@pytest.fixture
def said(monkeypatch):
    """Stand in for OpenSSL's command, which takes a second."""
    said = SimpleNamespace(out="+H:16384\n+F:25:AES-256-GCM:4615197257.14\n", command=None)

    def run(command, **_):
        said.command = command
        return SimpleNamespace(stdout=said.out)

    monkeypatch.setattr(sealing.shutil, "which", lambda name: f"/somewhere/{name}")
    monkeypatch.setattr(sealing.subprocess, "run", run)
    return said


def test_openssls_rate_is_read(said):
    (figure,) = sealing._openssl()
    assert (figure.value, figure.unit, figure.target) == (4615.19725714, "MB/s", None)
    assert said.command[:2] == ["/somewhere/openssl", "speed"]


@pytest.mark.parametrize("out", ["", "speed: Unknown option seconds\n", "+F:25:AES-256-GCM:\n"])
def test_an_openssl_that_says_something_else_is_left_out(said, out):
    said.out = out
    assert sealing._openssl() == []


def test_a_missing_openssl_is_left_out(monkeypatch):
    monkeypatch.setattr(sealing.shutil, "which", lambda _: None)
    assert sealing._openssl() == []


def test_envelopes_of_both_sizes_against_cryptography():
    figures = list(sealing._envelopes(b"a picture" * 500))
    assert [(figure.name, figure.unit) for figure in figures] == [
        (f"{what} {size} kB", unit)
        for size in ("4", "1,000")
        for unit in ("MB/s", "times")
        for what in ("seal", "open")
    ]
    rate = figures[0]
    assert rate.value == pytest.approx(4500 / rate.ours / 1e6)
    assert all("cryptography" in figure.against for figure in figures if figure.unit == "times")


def test_without_cryptography_its_rows_are_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    figures = list(sealing._envelopes(b"a picture"))
    assert [figure.unit for figure in figures] == ["MB/s"] * 4


def test_a_store_is_filled_and_hashing_is_scaled_up(tmp_path, monkeypatch):
    pictures = [Picture(f"{number}.jpg", b"a picture" * number) for number in range(12)]
    hashed = []
    monkeypatch.setattr(sealing, "_hasher", lambda _: "a hasher")
    monkeypatch.setattr(sealing, "hash_pictures", lambda *given: hashed.append(given))
    real = sealing.side_by_side

    def by_another_clock(*arguments, **options):
        return replace(real(*arguments, **options), ours=2.0, other=8.0, value=4.0)

    monkeypatch.setattr(sealing, "side_by_side", by_another_clock)
    whole, *parts = sealing._store(tmp_path, pictures, 3, repeats=1)
    assert set(map(str, hashed)) == {str(("a hasher", pictures[:3]))}
    assert (whole.ours, whole.other, whole.value) == (2, 8 * 4, 4 * 4)
    assert (whole.target, whole.met) == (10, True)
    assert "scaled up from 3 pictures" in whole.against
    assert "12 pictures" in whole.name
    assert [(part.unit, part.value > 0) for part in parts] == [("s", True)] * 3
    stores = sorted(tmp_path.glob("*.sqlite"))
    assert len(stores) == parts[0].repeats
    for path in stores:
        with CloudServer(path) as server:
            assert len(server) == 12
            assert server.policy.bits == sealing.BITS


def test_each_part_is_a_median(tmp_path):
    filling = sealing._Filling(tmp_path, [])
    filling._seconds = {"sealing": [5.0, 1.0, 2.0]}
    assert filling.parts() == [Figure("of that, sealing", 2.0, "s", repeats=3)]


def test_all_of_it(monkeypatch, said):
    monkeypatch.setattr(sealing, "QUICK_SEALED", 3)
    monkeypatch.setattr(sealing, "QUICK_HASHED", 1)
    monkeypatch.setattr(sealing, "NETWORK", "dlheir_nano")
    monkeypatch.setattr(sealing, "SIDE", 32)
    figures = sealing.measure(quick=True)
    assert len(figures) == 8 + 1 + 4
    assert all(figure.value > 0 for figure in figures)


def test_painted_pictures_come_again_under_other_names(tmp_path, monkeypatch):
    monkeypatch.setattr(jpegs, "DIFFERENT", 2)
    paths = write_jpegs(tmp_path / "pictures", 5)
    assert paths == sorted((tmp_path / "pictures").iterdir())
    contents = [path.read_bytes() for path in paths]
    assert len(set(contents)) == 2
    assert contents[0] == contents[2] == contents[4] != contents[1] == contents[3]
    with Image.open(paths[0]) as image:
        assert (image.format, image.size) == ("JPEG", (384, 256))
