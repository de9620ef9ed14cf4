"""Precision on real photographs: a bug that leaves answers plausible shows here."""

from pathlib import Path

import numpy as np
import pytest

from dlheir.baselines import get_system

SHARED = Path(__file__).parents[3] / "shared"
COREL1K = SHARED / "data" / "corel1k"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_imagenet_features.pth"
K = 20

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not COREL1K.is_dir(), reason="the photographs of Corel-1K are not here"),
]

# About the measured precision at 20, see dlheir/baselines/README.md; seeds and versions of decoders
# move it by less than 0.03.
EXPECTED = {
    "hsv_histogram": 0.62,
    "imagenet_itq": 0.97,
    "qin": 0.45,
    "qin_harris": 0.54,
    "xia_csd": 0.67,
    "xia_scd": 0.60,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_precision_is_as_documented(name):
    """80 pictures of each class are searched, and learned from; 20 are queries."""
    paths = sorted(COREL1K.glob("*/*.jpg"))
    places = np.random.default_rng(0).permutation(100)
    numbered = [paths[start : start + 100] for start in range(0, 1000, 100)]
    database = [pictures[place] for pictures in numbered for place in places[:80]]
    queries = [pictures[place] for pictures in numbered for place in places[80:]]
    options = {"backbone_weights": str(WEIGHTS)} if name == "imagenet_itq" else {}
    system = get_system(name, seed=0, **options)
    system.prepare(database)
    index = system.index(system.features(database))
    rows, _ = index.search(system.trapdoors(system.features(queries)), K)
    found = np.array([path.parent.name for path in database])[rows]
    asked = np.array([path.parent.name for path in queries])
    assert np.mean(found == asked[:, None]) == pytest.approx(EXPECTED[name], abs=0.04)
