"""Comparing systems: what is measured, on which pictures, and how it is kept."""

import json
import pickle
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from brightness import Brightness
from PIL import Image

from dlheir.baselines import System, get_system, list_systems, registry
from dlheir.comparison import extraction, timing
from dlheir.comparison.compared import Compared, Measuring, merged
from dlheir.comparison.extraction import extract
from dlheir.comparison.main import compare
from dlheir.comparison.network import make_network
from dlheir.comparison.pictures import Pictures, gather
from dlheir.comparison.record import FILE, is_comparison, read_comparison
from dlheir.comparison.settings import MEASURES, SystemSettings, read_settings
from dlheir.errors import InputError, WorkError
from dlheir.retrieval import search
from dlheir.store.protection import KeyedTransform

ROOT = Path(__file__).parents[2]
COREL = ROOT.parent / "shared" / "data" / "corel1k"
PAPER = ROOT / "experiments" / "paper"


@pytest.fixture
def brightness(monkeypatch):
    monkeypatch.setattr(registry, "_SYSTEMS", dict(registry._SYSTEMS))
    registry.register_system("brightness")(Brightness)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for processes that load it


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def written(tmp_path):
    """Write a comparison's YAML file."""

    def write(**changed):
        content = {
            "experiment": "efficiency",
            "measure": "search",
            "pictures": [4, 8],
            "k": 3,
            "queries": 2,
            "repeats": 2,
            "systems": [{"name": "brightness"}],
        }
        path = tmp_path / "compared.yaml"
        left = {key: value for key, value in (content | changed).items() if value is not ...}
        path.write_text(json.dumps(left))
        return path

    return write


def pictures_of(folder, count, queries=2):
    paths = tuple(sorted(folder.rglob("*.png")))
    assert len(paths) >= count + queries
    return Pictures("noise", paths[queries:][:count], paths[:queries], count, (40, 40), "00")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"k": ...}, "'k' is missing"),
        ({"also": 1}, "unknown 'also'"),
        ({"measure": "speed"}, "measure is 'speed'; expected one of search"),
        ({"k": 0}, "k is 0; give whole numbers"),
        ({"pictures": [10, "many"]}, "pictures is 'many'"),
        ({"pictures": []}, "pictures is []"),
        ({"systems": []}, "systems is []"),
        ({"systems": [{"bits": 3}]}, "give `name: BASELINE` or `network: CHECKPOINT`"),
        ({"systems": [{"name": "qin", "network": "x"}]}, "give `name: BASELINE` or"),
        ({"experiment": "../elsewhere"}, "experiment is '../elsewhere'; give a folder's name"),
    ],
)
def test_wrong_files_are_refused(written, changed, message):
    path = written(**changed)
    with pytest.raises(InputError) as refused:
        read_settings(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_sizes_and_systems_can_be_others(written):
    systems = [{"network": "a"}, {"name": "b", "bins": 2}, {"name": "b", "title": "other"}]
    settings = read_settings(written(systems=systems)).narrowed([9, 5, 9], ["b"])
    assert settings.pictures == (5, 9)
    assert [(s.name, dict(s.options), s.title) for s in settings.systems] == [
        ("b", {"bins": 2}, None),
        ("b", {}, "other"),
    ]
    with pytest.raises(InputError, match="--systems c: not compared; there are a, b"):
        settings = read_settings(written(systems=systems)).narrowed(None, ["c"])


@pytest.mark.parametrize("name", ["table3", "figure4", "figure5", "figure6"])
def test_the_papers_comparisons_have_its_systems_and_sizes(name):
    settings = read_settings(PAPER / f"{name}.yaml")
    assert (settings.experiment, settings.k) == ("efficiency", 20)
    assert settings.pictures == (2000, 4000, 6000, 8000, 10000)
    called = [system.called for system in settings.systems]
    assert called[:7] == [
        *(f"mobilenet_v2.corel5k_{bits}b" for bits in (48, 32, 24, 12)),
        "xia_csd",
        "xia_scd",
        "qin",
    ]


def test_the_papers_comparisons_are_one_of_each_kind():
    found = [read_settings(PAPER / f"{n}.yaml").measure for n in ("table3", "figure4")]
    found += [read_settings(PAPER / f"{n}.yaml").measure for n in ("figure5", "figure6")]
    assert found == list(MEASURES)


def test_calls_take_turns_and_the_first_round_does_not_count():
    made = []
    calls = [lambda n, name=name: made.append(f"{name}{n}") for name in "abc"]
    seconds = timing.in_turns(calls, 60)
    assert made[:3] == ["a0", "b0", "c0"]
    rounds = [made[start : start + 3] for start in range(3, len(made), 3)]
    assert [sorted(one) for one in rounds] == [[f"{x}{n}" for x in "abc"] for n in range(60)]
    assert [len(of) for of in seconds] == [60, 60, 60]
    # Within a round, none always follows the same other one.
    pairs = Counter(pair for one in rounds for pair in pairwise(name[0] for name in one))
    assert min(pairs[a, b] for a, b in ("ab", "ba", "ac", "ca", "bc", "cb")) > 5


def test_a_summary():
    assert timing.summary([4.0, 1.0, 2.0, 3.0, 5.0]) == {
        "median": 3.0,
        "quartiles": [2.0, 4.0],
        "of": 5,
    }


def test_features_are_extracted_once(make_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "PART", 5)
    pictures = pictures_of(make_pictures({"a": 14, "b": 4}), 16)
    ticks = iter(range(100))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(ticks) ** 2))
    expected = Brightness().features(pictures.paths)
    system = Brightness()
    first = extract(system, pictures.paths[:7], (3, 7), tmp_path / "parts")
    assert first.pictures.tolist() == [0, 3, 5, 7]
    assert system.looked == 1 + 7  # the first one, for warming up, twice
    # Clocks: 1 - 0, 9 - 4, 25 - 16.
    assert first.seconds.tolist() == [0, 1, 6, 15]
    assert [first.seconds_of(n) for n in (3, 4, 5, 6, 7)] == [1, 3.5, 6, 10.5, 15]
    grown = extract(system, pictures.paths, (16,), tmp_path / "parts")
    assert system.looked == 8 + 1 + 9
    assert grown.pictures.tolist() == [0, 3, 5, 7, 10, 15, 16]
    assert np.array_equal(grown.features, expected)
    assert grown.seconds_of(7) == 15
    again = Brightness()
    smaller = extract(again, pictures.paths[:6], (6,), tmp_path / "parts")
    assert again.looked == 0
    assert np.array_equal(smaller.features, expected[:6])


def test_what_was_extracted_before_an_error_stays(make_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "PART", 4)
    folder = make_pictures({"a": 6, "b": 8})
    pictures = pictures_of(folder, 12)
    content = pictures.paths[9].read_bytes()
    pictures.paths[9].write_bytes(b"no picture")
    with pytest.raises(OSError, match="cannot identify"):
        extract(Brightness(), pictures.paths, (12,), tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    assert not list(tmp_path.glob("*.part"))
    pictures.paths[9].write_bytes(content)
    system = Brightness()
    assert extract(system, pictures.paths, (12,), tmp_path).pictures.tolist() == [0, 4, 8, 12]
    assert system.looked == 1 + 4


def test_a_damaged_part_is_named(make_pictures, tmp_path):
    pictures = pictures_of(make_pictures({"a": 4, "b": 4}), 6)
    extract(Brightness(), pictures.paths, (6,), tmp_path)
    part = tmp_path / "0000000.npz"
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(InputError, match=r"0000000\.npz: damaged; remove"):
        extract(Brightness(), pictures.paths, (6,), tmp_path)


def test_each_kind_is_measured_at_every_size(brightness, written, make_pictures, tmp_path):
    root = make_pictures({"a": 6, "b": 6})
    for measure in MEASURES:
        settings = read_settings(written(measure=measure))
        folder = compare(settings, "PictureFolder", root, tmp_path / "runs")
    assert is_comparison(folder)
    found = read_comparison(folder)
    assert folder.parent == tmp_path / "runs" / "efficiency"
    assert found.systems == ["Brightness"]
    assert found.pictures == [4, 8]
    assert (found.data["real"], found.data["painted"]) == (8, 0)
    for what in ("features", "index", "search", "load", "trapdoor"):
        for size in (4, 8):
            assert found.seconds("Brightness", what, size) > 0
    assert found.seconds("Brightness", "load", 4) == found.seconds("Brightness", "load", 999)
    assert found.seconds("Brightness", "search", 5) is None
    assert found.seconds("unknown", "search", 4) is None
    low, high = found.quartiles("Brightness", "search", 8)
    assert low <= found.seconds("Brightness", "search", 8) <= high
    assert found.settings["search"] == {"k": 3, "queries": 2, "repeats": 2}
    assert found.machine["cores"] >= 1


def test_what_was_measured_before_stays(brightness, written, make_pictures, tmp_path):
    root, runs = make_pictures({"a": 6, "b": 6}), tmp_path / "runs"
    first = compare(read_settings(written()), "PictureFolder", root, runs)
    before = read_comparison(first)
    systems = [{"name": "brightness", "scale": 2.0, "title": "Double"}]
    settings = read_settings(written(systems=systems, pictures=[6]))
    assert compare(settings, "PictureFolder", root, runs) == first
    after = read_comparison(first)
    assert after.systems == ["Brightness", "Double"]
    assert after.pictures == [4, 6, 8]
    assert after.entries["Brightness"] == before.entries["Brightness"]
    assert after.entries["Double"]["options"] == {"scale": 2.0}
    assert after.data["real"] == 8
    systems = [{"name": "brightness", "scale": 2.0}]
    with pytest.raises(InputError, match="'Brightness' is another system in an earlier"):
        compare(read_settings(written(systems=systems)), "PictureFolder", root, runs)


def test_other_pictures_lie_elsewhere(brightness, written, make_pictures, tmp_path):
    roots = [make_pictures({"a": 6, "b": 6}, seed=seed) for seed in (0, 1)]
    settings = read_settings(written())
    places = [compare(settings, "PictureFolder", root, tmp_path) for root in roots]
    assert places[0] != places[1]


def test_the_server_is_asked_one_query_at_a_time(written, make_pictures, tmp_path):
    pictures = pictures_of(make_pictures({"a": 6, "b": 6}), 8)
    system = Brightness()
    compared = Compared(SystemSettings("brightness", {}), system, tmp_path)
    Measuring(read_settings(written()), pictures, [compared]).measure()
    # 2 queries, twice each, and the first once more at each size.
    assert system.asked == [(4, 1, 3)] * 5 + [(8, 1, 3)] * 5


def test_two_systems_of_one_title_are_refused(brightness, written, make_pictures, tmp_path):
    settings = read_settings(written(systems=[{"name": "brightness"}] * 2))
    root = make_pictures({"a": 6, "b": 6})
    with pytest.raises(InputError, match="two systems are called 'Brightness'; give one a `title`"):
        compare(settings, "PictureFolder", root, tmp_path)


def test_real_pictures_come_first_and_queries_are_apart(make_pictures, cache):
    root = make_pictures({"a": 5, "b": 5}, side=24)
    found = gather("PictureFolder", root, 60, 3)
    assert (found.real, found.painted, found.size) == (7, 53, (24, 24))
    assert len(set(found.paths)) == 60
    assert not set(found.paths) & set(found.queries)
    assert {*found.paths[:7], *found.queries} == set(root.rglob("*.png"))
    assert {Image.open(path).size for path in found.paths[7:]} == {(24, 24)}
    assert len({path.read_bytes() for path in found.paths[7:]}) == 53
    larger = gather("PictureFolder", root, 120, 3)
    assert [p.name for p in larger.paths[:60]] == [p.name for p in found.paths]
    assert larger.sha256 == found.sha256
    assert larger.paths[20].read_bytes() == found.paths[20].read_bytes()
    with pytest.raises(InputError, match="10 pictures, too few for 10 queries"):
        gather("PictureFolder", root, 60, 10)


def test_our_networks_answer_as_their_plain_codes_do(make_pictures, tmp_path):
    paths = sorted(make_pictures({"a": 6, "b": 6}, side=32).rglob("*.png"))
    options = {"network": "squeezenet1_1", "bits": 20, "image_size": 64}
    system = make_network(SystemSettings("network", options), tmp_path, seed=0)
    assert system.title == "squeezenet1_1, 20 bits, 64 px, random weights"
    assert system.features(paths).shape == (12, 20)
    codes = np.random.default_rng(0).integers(0, 2, (200, 20), dtype=np.uint8)
    rows, scores = system.index(codes).search(system.trapdoors(codes[:7]), 9)
    expected_rows, expected = search(codes[:7], codes, 9)
    assert np.array_equal(rows, expected_rows)
    assert np.array_equal(scores, expected)
    assert scores.dtype == np.float64
    assert not np.array_equal(system.trapdoors(codes), codes)
    loaded = pickle.loads(pickle.dumps(system))  # in another process: loading
    assert np.array_equal(loaded.features(paths[:2]), system.features(paths[:2]))
    assert np.array_equal(loaded.trapdoors(codes), system.trapdoors(codes))
    assert len(pickle.dumps(system)) < 10_000


def test_the_servers_index_of_ours_holds_no_key(tmp_path):
    options = {"network": "squeezenet1_1", "bits": 16, "image_size": 64}
    system = make_network(SystemSettings("network", options), tmp_path, seed=0)
    index = system.index(np.eye(16, dtype=np.uint8))
    held, seen = [index], set()
    while held:
        one = held.pop()
        assert not isinstance(one, (KeyedTransform, System, bytes)), one
        if id(one) not in seen and hasattr(one, "__dict__"):
            seen.add(id(one))
            held += vars(one).values()
    assert seen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "squeezenet1_1", "bins": 3}, "unknown 'bins'; give bits, image_size"),
        ({"network": "mobilenet_v2.corel5k_48b", "bits": 3}, "'bits' is fixed by its checkpoint"),
        ({"network": "no_such_network"}, "no_such_network"),
    ],
)
def test_wrong_networks_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        make_network(SystemSettings("network", options), tmp_path, seed=0)


def test_codes_of_random_weights_are_not_searched(written, make_pictures, tmp_path):
    systems = [{"network": "squeezenet1_1", "bits": 8, "image_size": 32}]
    root = make_pictures({"a": 6, "b": 6})
    with pytest.raises(InputError, match="its codes are all alike"):
        compare(read_settings(written(systems=systems)), "PictureFolder", root, tmp_path)


@pytest.mark.parametrize("name", sorted(set(list_systems()) - {"imagenet_itq"}))  # needs weights
def test_loading_of_every_baseline_can_be_timed(make_pictures, name):
    system = get_system(name, seed=0)
    system.prepare(sorted(make_pictures({"a": 10, "b": 10}, side=64).rglob("*.png")))
    (seconds,) = timing.load_seconds(system, 1)
    assert seconds > 0


def test_what_cannot_be_handed_over_is_named():
    system = Brightness()
    system.unknown = lambda: None
    with pytest.raises(WorkError, match="Brightness: cannot be pickled"):
        timing.load_seconds(system, 1)


def test_findings_lie_over_earlier_ones(tmp_path):
    compared = Compared(SystemSettings("brightness", {}), Brightness(), tmp_path)
    first = merged({}, [compared], {"search": [{"4": {"median": 1.0}, "8": {"median": 2.0}}]})
    second = merged(first, [compared], {"search": [{"8": {"median": 3.0}}]})
    assert second["Brightness"]["seconds"] == {
        "search": {"4": {"median": 1.0}, "8": {"median": 3.0}}
    }
    assert first["Brightness"]["seconds"]["search"]["8"] == {"median": 2.0}


@pytest.mark.parametrize("damage", ["{", "[]", '{"schema": 2}', '{"schema": 1, "systems": [{}]}'])
def test_damaged_records_are_refused(tmp_path, damage):
    (tmp_path / FILE).write_text(damage)
    with pytest.raises(InputError, match="not written by this version of dlheir compare"):
        read_comparison(tmp_path)


def test_a_missing_record_is_named(tmp_path):
    assert not is_comparison(tmp_path)
    with pytest.raises(InputError, match=r"comparison\.json: no such file"):
        read_comparison(tmp_path)


def test_one_command_gives_the_papers_table_3(dlheir, tmp_path):
    if not COREL.is_dir():
        pytest.skip("needs Corel-1K")
    arguments = ["compare", "experiments/paper/table3.yaml", "--data", "Corel1K", "--root", COREL]
    more = ["--pictures", 20, 40, "--systems", "mobilenet_v2.corel5k_12b", "hsv_histogram"]
    found = dlheir(*arguments, *more, "--runs", tmp_path)
    assert found.code == 0, found.err
    (record,) = tmp_path.glob("efficiency/Corel1K-*/comparison.json")
    report = record.parent / "report"
    assert str(report / "index.html") in found.out
    assert (report / "plots" / "table3.png").is_file()
    table = (report / "tables" / "table3.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == read_comparison(record.parent).systems
    assert len(table) == 3


def test_half_of_the_data_is_refused(dlheir):
    found = dlheir("compare", "experiments/paper/table3.yaml", "--data", "Corel1K")
    assert found.code == 2
    assert "give --data and --root together" in found.err
