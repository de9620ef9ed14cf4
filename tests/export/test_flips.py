"""What flipped bits do to retrieval."""

import numpy as np
import pytest
from exported_cases import codes_of, settled

from dlheir.data import PictureFolder
from dlheir.errors import InputError
from dlheir.export import SplitCodes, compare, hash_split
from dlheir.files import sha256_of_file
from dlheir.hashing import TorchHasher
from dlheir.models.published import write_published
from dlheir.retrieval import evaluate

LABELS = np.array([0, 0, 1, 1])
REFERENCE = SplitCodes(
    database_codes=np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1], [1, 1, 0]], dtype=np.uint8),
    query_codes=np.array([[0, 0, 0], [1, 1, 1]], dtype=np.uint8),
    database_labels=LABELS,
    query_labels=np.array([0, 1]),
)


def test_flips_by_hand():
    """The second query comes to lie where class 0 is; one database picture moves away, too."""
    other = REFERENCE._replace(
        database_codes=np.array([[1, 1, 1], [0, 0, 1], [1, 1, 1], [1, 1, 0]], dtype=np.uint8),
        query_codes=np.array([[0, 0, 0], [0, 0, 1]], dtype=np.uint8),
    )
    flips = compare(REFERENCE, other, ks=(1, 2))
    assert (flips.flipped, flips.bits) == (3 + 2, 6 * 3)
    assert (flips.pictures_changed, flips.pictures) == (2, 6)
    # Both sides: the first query finds row 1, then row 3; the second one row 1, then a tie of the
    # other three? No: rows 0 and 2 lie at distance 2, row 3 at 3.
    assert flips.expected_precision["1"] == pytest.approx((1 + 0) / 2)
    assert flips.expected_precision["2"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    # Queries alone: the first finds rows 0 and 1, the second as well.
    assert flips.mixed_expected_precision == pytest.approx({"1": 1 / 2, "2": 1 / 2})


def test_same_codes_cost_nothing():
    flips = compare(REFERENCE, REFERENCE, ks=(1,))
    labels = (REFERENCE.query_labels, REFERENCE.database_codes, LABELS)
    measured = evaluate(REFERENCE.query_codes, *labels, ks=(1,))
    assert (flips.flipped, flips.pictures_changed) == (0, 0)
    assert flips.expected_precision == measured["expected_precision"] == {"1": 1.0}
    assert flips.expected_map == flips.mixed_expected_map == measured["expected_map"]


def test_codes_of_other_pictures_do_not_compare():
    other = REFERENCE._replace(query_codes=REFERENCE.query_codes[:1])
    with pytest.raises(InputError, match=r"shapes \(2, 3\) and \(1, 3\)"):
        compare(REFERENCE, other)


@pytest.fixture
def hasher(tmp_path):
    network = settled(image_size=32)
    path = tmp_path / "model.safetensors"
    write_published(path, network.settings, network.state_dict(), {})
    return TorchHasher(path)


def test_split_is_hashed_in_its_order(hasher, make_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("dlheir.export.flips._AT_ONCE", 7)  # parts are put together again
    data = PictureFolder(str(make_pictures({"ants": 10, "bees": 15})), image_size=32)
    codes = hash_split(hasher, data)
    assert [len(part) for part in codes] == [20, 5, 20, 5]
    assert codes.database_labels.tolist() == data.labels(data.split.database)
    assert codes.query_labels.tolist() == data.labels(data.split.queries)
    assert hasher.checkpoint_sha256 == sha256_of_file(tmp_path / "model.safetensors")
    network = hasher._network
    for part, names in [
        (codes.database_codes, data.split.database),
        (codes.query_codes, data.split.queries),
    ]:
        one_by_one = [
            codes_of(network, hasher.transform.load(path).unsqueeze(0))
            for path in data.paths(names)
        ]
        assert np.array_equal(part, np.concatenate(one_by_one))


def test_unreadable_picture_is_named(hasher, make_pictures):
    data = PictureFolder(str(make_pictures({"ants": 10, "bees": 10})), image_size=32)
    (gone,) = data.paths(data.split.queries[:1])
    gone.write_bytes(b"no picture any more")
    with pytest.raises(InputError, match=gone.name):
        hash_split(hasher, data)
