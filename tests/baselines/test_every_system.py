"""What every baseline must do, whatever its features are."""

import subprocess
import sys

import numpy as np
import pytest
from painted import paint_pictures, prepared, write_backbone

from dlheir.baselines import NO_ANSWER, get_system, list_systems
from dlheir.errors import InputError

COUNT, COPIES = 20, (3, 7, 15)  # rows 7 and 15 show what row 3 shows


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return write_backbone(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    painted = paint_pictures(tmp_path_factory.mktemp("pictures"), COUNT)
    for copy in COPIES[1:]:
        painted[copy].write_bytes(painted[COPIES[0]].read_bytes())
    return painted


@pytest.fixture(scope="module", params=list_systems())
def name(request):
    return request.param


@pytest.fixture(scope="module")
def system(name, paths, backbone):
    return prepared(name, paths, backbone)


@pytest.fixture(scope="module")
def features(system, paths):
    return system.features(paths)


@pytest.fixture(scope="module")
def index(system, features):
    return system.index(features)


def answers(system, index, features, k):
    rows, scores = index.search(system.trapdoors(features), k)
    assert rows.dtype == np.int64
    assert scores.dtype == np.float64
    assert rows.shape == scores.shape == (len(features), min(k, len(index)))
    return rows, scores


def assert_in_order(rows, scores):
    """Nearest first, equal scores by row, missing answers last, no row twice."""
    for whole_line, whole_scores in zip(rows, scores, strict=True):
        found = np.count_nonzero(whole_line != NO_ANSWER)
        assert (whole_line[found:] == NO_ANSWER).all()
        assert np.isposinf(whole_scores[found:]).all()
        line, distances = whole_line[:found], whole_scores[:found]
        assert np.isfinite(distances).all()
        assert len(set(line.tolist())) == found
        assert np.array_equal(np.lexsort((line, distances)), np.arange(found))


@pytest.mark.parametrize("k", [1, 2, COUNT - 1, COUNT, COUNT + 5])
def test_answers_have_their_shape_and_order(system, index, features, k):
    assert len(index) == COUNT
    rows, scores = answers(system, index, features, k)
    assert_in_order(rows, scores)
    assert ((rows == NO_ANSWER) | ((rows >= 0) & (rows < COUNT))).all()


def test_k_answers_are_the_first_of_all_answers(system, index, features):
    rows, _ = answers(system, index, features, COUNT)
    fewer, _ = answers(system, index, features, 6)
    assert np.array_equal(fewer, rows[:, :6])


def test_each_picture_finds_itself(system, index, features):
    """No other picture is nearer; the first of those that are as near has the lowest row."""
    rows, scores = answers(system, index, features, COUNT)
    own = [scores[i][rows[i] == i].item() for i in range(COUNT)]
    assert own == scores[:, 0].tolist()


def test_copies_of_a_picture_are_answered_in_the_order_of_rows(system, index, features):
    rows, scores = answers(system, index, features, COUNT)
    for line, distances in zip(rows, scores, strict=True):
        places = [np.flatnonzero(line == copy) for copy in COPIES]
        if not all(len(place) for place in places):
            assert not any(len(place) for place in places)  # a pre-filter leaves all or none
            continue
        ordered = np.concatenate(places)
        assert (np.diff(ordered) > 0).all()
        assert len(set(distances[ordered].tolist())) == 1


def test_one_picture_is_searched(system, features):
    rows, scores = answers(system, system.index(features[:1]), features[:1], 5)
    assert rows.tolist() == [[0]]
    assert np.isfinite(scores).all()


def test_a_query_alone_is_answered_as_among_others(system, index, features):
    rows, _ = answers(system, index, features, COUNT)
    for query in range(COUNT):
        alone, _ = answers(system, index, features[query : query + 1], COUNT)
        assert np.array_equal(alone[0], rows[query])


def test_features_of_a_picture_do_not_depend_on_those_beside_it(name, system, paths, features):
    alone = np.concatenate([system.features([path]) for path in paths[:4]])
    if name == "imagenet_itq":  # a network's rounding may flip a bit that lies on its threshold
        assert np.count_nonzero(alone != features[:4]) <= 1
    else:
        assert np.array_equal(alone, features[:4])


def test_the_same_seed_gives_the_same_answers(name, paths, backbone):
    first, again = (prepared(name, paths, backbone) for _ in range(2))
    features = first.features(paths)
    assert np.array_equal(again.features(paths), features)
    rows, scores = answers(first, first.index(features), features, COUNT)
    same_rows, same_scores = answers(again, again.index(features), features, COUNT)
    assert np.array_equal(same_rows, rows)
    assert np.array_equal(same_scores, scores)


def test_without_a_seed_keys_differ(name, paths, backbone):
    """Trapdoors of the same features, under two owners' keys, have nothing to do with another."""
    first, second = (prepared(name, paths, backbone, seed=None) for _ in range(2))
    features = first.features(paths)
    if second.features(paths).shape != features.shape:
        pytest.skip("the codebooks differ in size")

    def numbers(trapdoors):
        parts = trapdoors if isinstance(trapdoors, tuple) else (trapdoors,)
        return [np.asarray(part).tobytes() for part in parts]

    assert numbers(first.trapdoors(features)) != numbers(second.trapdoors(features))


def test_no_answer_is_no_question(system, index, features):
    with pytest.raises(InputError, match="k: 0, expected at least 1"):
        index.search(system.trapdoors(features), 0)


def test_a_picture_that_cannot_be_read_is_named(system, paths, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.jpg") as error:
        system.features([paths[0], broken])
    assert "\n" not in str(error.value)


def test_features_of_no_picture_are_refused(system):
    with pytest.raises(InputError, match="give at least one"):
        system.features([])


def test_an_unknown_option_is_refused(name):
    with pytest.raises(InputError, match=f"baseline '{name}' takes no 'colour'"):
        get_system(name, colour=1)


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match=r"unknown baseline 'xia'; there are .*qin"):
        get_system("xia")


def test_baselines_are_imported_without_torch_store_or_opencv():
    code = (
        "import sys, dlheir.baselines as b; assert 'qin' in b.list_systems(); "
        "print([m for m in ('torch', 'pytorch_lightning', 'cv2', 'dlheir.store') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
