"""All attacks together: what the figures must say of codes of which the answer is known."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from dlheir.errors import InputError
from dlheir.store.attacks import dictionary_attack, leakage_table, measure_leakage

LENGTHS = np.arange(600) * 10 + 5000


@pytest.fixture(scope="module")
def codes(clustered):
    made = clustered(24, classes=12, stored=600, own=240, flips=0.15)
    by_class = np.argsort(made.own_labels, kind="stable")  # as a run's queries stand
    return made._replace(own=made.own[by_class], own_labels=made.own_labels[by_class])


@pytest.fixture(scope="module")
def leakage(codes):
    shares = [codes.stored[codes.labels == label].mean(axis=0) - 0.5 for label in range(12)]
    return measure_leakage(*codes, LENGTHS, seed=3, class_weights=shares)


def test_is_plain_json_and_the_same_for_a_seed(codes, leakage):
    again = measure_leakage(*codes, LENGTHS, seed=3)
    assert json.loads(json.dumps(leakage, allow_nan=False)) == leakage
    assert {**again, "checkpoint": leakage["checkpoint"]} == leakage


def test_another_seed_draws_other_requests(codes, leakage):
    other = measure_leakage(*codes, LENGTHS, seed=4)
    assert other["dictionary"]["plain"] == leakage["dictionary"]["plain"]
    assert other["dictionary"]["keyed"] != leakage["dictionary"]["keyed"]
    assert other["repetition"] != leakage["repetition"]
    assert other["known_data"] != leakage["known_data"]
    assert other["known_pairs"] != leakage["known_pairs"]


def test_plain_codes_tell_and_keyed_codes_do_not(codes, leakage):
    plain, keyed = leakage["dictionary"]["plain"], leakage["dictionary"]["keyed"]
    assert plain["accuracy"] == dictionary_attack(*codes).accuracy > 0.9
    assert plain["chance"] == keyed["chance"] == pytest.approx(1 / 12)
    assert keyed["accuracy"] == pytest.approx(1 / 12, abs=0.1)  # 16 keys, of each whole classes


def test_an_undone_transform_leaves_plain_codes(leakage):
    plain = leakage["dictionary"]["plain"]["accuracy"]
    by_pairs = leakage["known_pairs"]["by_pairs"]
    assert list(by_pairs) == ["1", "2", "4", "8", "16", "32", "64"]
    assert by_pairs["1"]["determined"] == 0
    assert by_pairs["64"] == {
        "determined": 1,
        "chance": 1 / 48,
        "accuracy": pytest.approx(plain),
        "accuracy_chance": pytest.approx(1 / 12),
    }
    shares = [found["determined"] for found in by_pairs.values()]
    assert shares == sorted(shares)
    assert 6 <= leakage["known_pairs"]["needed"] <= 32  # 1 + log2(24) at the least
    matched = leakage["cluster_matching"]
    assert list(matched) == ["50", "100", "200", "240"]
    assert matched["50"]["accuracy"] > 0.5  # of all classes, not of the first 50 pictures
    assert matched["240"]["recovered"] == 1
    assert matched["240"]["accuracy"] == plain
    assert leakage["checkpoint"]["dictionary"]["accuracy"] > 0.9
    assert leakage["checkpoint"]["cluster_matching"]["recovered"] == 1


def test_requests_tell_in_every_mode(leakage):
    for link in leakage["repetition"].values():
        assert link["linked"] == 1
        assert link["right"] > 0.9
        # Two requests meet with the sum of p^2, p = 1/r over the sum of 1/r, r to 240: 0.045.
        assert link["chance"] == pytest.approx(0.045, abs=0.01)
    few, more = leakage["known_data"]["0.01"], leakage["known_data"]["0.05"]
    assert more["accuracy"] > few["accuracy"] > few["chance"]
    assert leakage["co_fetching"]["precision"] > 0.5
    assert leakage["co_fetching"]["chance"] == pytest.approx(1 / 12, abs=0.01)


def test_padding_by_hand(codes):
    # 600 contents: 200 of each of three lengths, which are padded to 5120, 5376 and 5376.
    few = codes._replace(own=codes.own[::20], own_labels=codes.own_labels[::20])
    lengths = measure_leakage(*few, np.repeat([5000, 5121, 5376], 200), seed=0)["lengths"]
    same = {"unique": 0, "chance": pytest.approx(1 / 600)}
    assert lengths == {
        "unpadded": {**same, "identified": pytest.approx(1 / 200), "anonymity_set": 200},
        "padded": {**same, "identified": pytest.approx(2 / 600), "anonymity_set": 400},
        "padding_cost": pytest.approx((5120 + 5376 + 5376) / (5000 + 5121 + 5376) - 1),
    }


def test_nothing_is_learnt_where_nothing_is_to_learn():
    random = np.random.default_rng(5)
    stored, own = random.integers(0, 2, (1000, 16)), random.integers(0, 2, (200, 16))
    leakage = measure_leakage(
        stored, np.arange(1000) % 10, own, np.arange(200) % 10, np.full(1000, 9), seed=0
    )
    for mode in ("plain", "keyed"):
        assert leakage["dictionary"][mode]["accuracy"] == pytest.approx(0.1, abs=0.04)
    for matched in leakage["cluster_matching"].values():
        assert matched["recovered"] < 0.15
        assert matched["accuracy"] == pytest.approx(0.1, abs=0.05)
    for guess in leakage["known_data"].values():
        assert guess["accuracy"] == pytest.approx(0.1, abs=0.05)
    together = leakage["co_fetching"]
    assert together["precision"] == pytest.approx(together["chance"], abs=0.01)
    assert leakage["lengths"]["padded"]["identified"] == pytest.approx(1 / 1000)


def test_two_bits_that_are_always_alike_need_more_pairs_than_there_are(codes):
    twins = codes._replace(stored=codes.stored.copy(), own=codes.own.copy())
    twins.stored[:, 1], twins.own[:, 1] = twins.stored[:, 0], twins.own[:, 0]
    assert measure_leakage(*twins, LENGTHS, seed=0)["known_pairs"]["needed"] is None


def test_a_bit_in_its_place_but_flipped_is_not_recovered():
    # The attacker's bit is mostly set, the stored one mostly not: whatever the key, the attacker
    # takes the flip for the other one.
    own, stored = np.array([[1]] * 9 + [[0]]), np.array([[0]] * 9 + [[1]])
    labels = np.arange(10) % 2
    leakage = measure_leakage(stored, labels, own, labels, np.full(10, 9), seed=0)
    assert leakage["cluster_matching"]["10"]["recovered"] == 0


def test_the_table_has_every_attack(leakage):
    page = Console(file=StringIO(), width=100)
    page.print(leakage_table(leakage))
    rows = [
        tuple(cell.strip() for cell in line.strip("│").split("│"))
        for line in page.file.getvalue().splitlines()
        if line.startswith("│")
    ]

    def row(attack, mode, has, learns, figures, share):
        return attack, mode, has, learns, f"{figures[share]:.1%}", f"{figures['chance']:.1%}"

    keyed, known = leakage["dictionary"]["keyed"], leakage["known_data"]["0.05"]
    trapdoors, fetches = leakage["repetition"]["trapdoors"], leakage["repetition"]["fetches"]
    together, padded = leakage["co_fetching"], leakage["lengths"]["padded"]
    assert len(set(rows)) == 2 + 2 + 7 + 4 + 2 + 2 + 1 + 2
    assert {
        row("dictionary", "keyed", "240 pictures", "pictures' class", keyed, "accuracy"),
        row("repetition", "plain, keyed", "trapdoors", "same query", trapdoors, "right"),
        row("repetition", "any", "fetches", "same query", fetches, "right"),
        row("known data", "any", "fetches, 5% known", "queries' class", known, "accuracy"),
        row("co-fetching", "any", "fetches", "same class", together, "precision"),
        row("lengths", "any", "lengths, padded", "which file", padded, "identified"),
    } <= set(rows)
    assert f"Padding adds {leakage['lengths']['padding_cost']:.1%}" in page.file.getvalue()
    without = {name: figures for name, figures in leakage.items() if name != "checkpoint"}
    assert leakage_table(without).row_count == len(rows) - 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": np.zeros(5)}, "labels and lengths: expected one for each of 600"),
        ({"own_labels": np.zeros(5)}, "own labels: expected one for each of 240"),
        ({"own": np.zeros((0, 24), int), "own_labels": np.zeros(0)}, "600 stored and 0 own codes"),
        ({"own": np.zeros((240, 12), int)}, "12"),
        ({"stored": np.full((600, 24), 2)}, "database codes: values other than 0 and 1"),
    ],
)
def test_refuses(codes, wrong, message):
    with pytest.raises(InputError, match=message):
        measure_leakage(*codes._replace(**wrong), LENGTHS, seed=0)


def test_refuses_lengths_of_other_pictures(codes):
    with pytest.raises(InputError, match="lengths: expected one for each of 600"):
        measure_leakage(*codes, LENGTHS[1:], seed=0)
