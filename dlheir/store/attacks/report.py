"""All attacks on the codes of one network, as figures."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from dlheir.errors import InputError
from dlheir.retrieval import check_codes, search
from dlheir.store.attacks.checkpoint import codes_from_checkpoint
from dlheir.store.attacks.cluster_matching import cluster_matching_attack
from dlheir.store.attacks.co_fetching import co_fetching_attack
from dlheir.store.attacks.dictionary import ClassGuess, dictionary_attack
from dlheir.store.attacks.known_data import known_data_attack
from dlheir.store.attacks.known_pairs import KnownPairs, known_pairs_attack
from dlheir.store.attacks.lengths import length_attack
from dlheir.store.attacks.repetition import repetition_attack
from dlheir.store.content import padme
from dlheir.store.protection import KeyedTransform

_PAIRS = (1, 2, 4, 8, 16, 32, 64)
_MOST_PAIRS = 1024  # more are not tried for "needed"
_OWN_PICTURES = (50, 100, 200)
_KNOWN_SHARES = (0.01, 0.05)
_REQUESTS = 2000
_ANSWERS = 20
_DRAWS = 16  # of keys, pairs and known pictures; figures are means over them
_DRAWS_OF_OWN = 2  # the slow attack

Figures = dict[str, Any]


class _Codes(NamedTuple):
    """Stored pictures and the attacker's own: codes (N, bits), (M, bits); labels (N,), (M,)."""

    stored: NDArray[np.uint8]
    labels: NDArray[np.integer]
    own: NDArray[np.uint8]
    own_labels: NDArray[np.integer]

    def guess_classes(self, seen: NDArray[np.uint8]) -> ClassGuess:
        """Run the dictionary attack on what the server holds for the stored codes."""
        return dictionary_attack(seen, self.labels, self.own, self.own_labels)

    def guess_after(self, found: KeyedTransform, seen: NDArray[np.uint8]) -> Figures:
        """Run it on protected codes after undoing the transform that was found."""
        guess = self.guess_classes(found.undo(seen))
        return {"accuracy": guess.accuracy, "accuracy_chance": guess.chance}

    def match_clusters(self, transform: KeyedTransform) -> Figures:
        """Run cluster matching on what the transform makes of the stored codes."""
        seen = transform.apply(self.stored)
        found = cluster_matching_attack(self.own, seen)
        place, flip = np.equal(found.transform, transform)
        return {
            "recovered": float((place & flip).mean()),
            "chance": found.chance,
            **self.guess_after(found.transform, seen),
        }

    def draw_own(self, pictures: int, random: Generator) -> "_Codes":
        """Leave the attacker some of their pictures."""
        rows = random.permutation(len(self.own))[:pictures]
        return self._replace(own=self.own[rows], own_labels=self.own_labels[rows])

    def draw_transform(self, random: Generator) -> KeyedTransform:
        """Draw a key for `keyed` mode."""
        return KeyedTransform.from_key(random.bytes(32), self.stored.shape[1])


def measure_leakage(
    database_codes: ArrayLike,
    database_labels: ArrayLike,
    own_codes: ArrayLike,
    own_labels: ArrayLike,
    lengths: ArrayLike,
    seed: int,
    class_weights: ArrayLike | None = None,
) -> Figures:
    """Run every attack of this package on the codes of a network.

    The attacker's own pictures also serve as what users ask for in the attacks on requests; there
    the attacker has none. Users ask 2,000 times, for the r-th most popular picture 1/r times as
    often as for the first (Zipf), and fetch 20 answers each time.

    Args:
        database_codes: (N, bits) in {0, 1}, N >= 2, the stored pictures' codes.
        database_labels: (N,) integers, what they show.
        own_codes: (M, bits) in {0, 1}, M >= 1, codes of the attacker's own pictures.
        own_labels: (M,) integers.
        lengths: (N,) bytes of each stored picture's content before padding, in any order.
        seed: draws keys, pairs, known pictures and requests.
        class_weights: (classes, bits) of the network's classifier, where labels are its classes:
            also measure an attacker who has the checkpoint and no picture.

    Returns:
        The `leakage` section of `results.json`; its figures have the names, and the meaning, of
        the attributes of the attacks' dataclasses. `needed` is the median number of known pairs
        that determine every bit, None where 1,024 do not.

    Raises:
        InputError: when codes are no codes, too few, or not as many as labels and lengths.
    """
    stored, own = check_codes(database_codes, "database codes"), check_codes(own_codes, "own codes")
    codes = _Codes(stored, np.asarray(database_labels), own, np.asarray(own_labels))
    contents = np.asarray(lengths)
    _check_sizes(codes, contents)
    # A generator each: the figures of one attack do not change when another draws more.
    keys, pairs, pictures, requests, bits = np.random.default_rng(seed).spawn(5)
    leakage = {
        "seed": seed,
        "own_pictures": len(own),
        "dictionary": _dictionary(codes, keys),
        "known_pairs": _known_pairs(codes, pairs),
        "cluster_matching": _cluster_matching(codes, pictures),
        **_requests(codes, requests),
        "lengths": _lengths(contents),
    }
    if class_weights is not None:
        leakage["checkpoint"] = _checkpoint(codes, class_weights, bits)
    return leakage


def _check_sizes(codes: _Codes, contents: NDArray[Any]) -> None:
    pictures, own = len(codes.stored), len(codes.own)
    if pictures < 2 or own < 1:
        raise InputError(f"{pictures} stored and {own} own codes, expected at least 2 and 1")
    if codes.labels.shape != (pictures,) or contents.shape != (pictures,):
        raise InputError(f"labels and lengths: expected one for each of {pictures} database codes")
    if codes.own_labels.shape != (own,):
        raise InputError(f"own labels: expected one for each of {own} own codes")


def _dictionary(codes: _Codes, random: Generator) -> Figures:
    transforms = [codes.draw_transform(random) for _ in range(_DRAWS)]
    keyed = (codes.guess_classes(transform.apply(codes.stored)) for transform in transforms)
    return {
        "plain": asdict(codes.guess_classes(codes.stored)),
        "keyed": _mean(asdict(guess) for guess in keyed),
    }


def _known_pairs(codes: _Codes, random: Generator) -> Figures:
    """Take the pairs from the stored pictures, as a colluding user can."""
    seen = codes.draw_transform(random).apply(codes.stored)
    orders = [random.permutation(len(seen))[:_MOST_PAIRS] for _ in range(_DRAWS)]

    def attack(known: NDArray[np.int64]) -> KnownPairs:
        return known_pairs_attack(codes.stored[known], seen[known])

    def figures(known: NDArray[np.int64]) -> Figures:
        found = attack(known)
        return {
            "determined": found.determined,
            "chance": found.chance,
            **codes.guess_after(found.transform, seen),
        }

    def needed(order: NDArray[np.int64]) -> float:
        tried = range(1, len(order) + 1)
        fewer = bisect_left(tried, 1.0, key=lambda m: attack(order[:m]).determined)
        return tried[fewer] if fewer < len(tried) else np.inf

    median = float(np.median([needed(order) for order in orders]))
    return {
        "by_pairs": {
            str(m): _mean(figures(order[:m]) for order in orders) for m in _PAIRS if m <= len(seen)
        },
        "needed": median if np.isfinite(median) else None,
    }


def _cluster_matching(codes: _Codes, random: Generator) -> Figures:
    transform = codes.draw_transform(random)
    fewer = {
        str(m): _mean(
            codes.draw_own(m, random).match_clusters(transform) for _ in range(_DRAWS_OF_OWN)
        )
        for m in _OWN_PICTURES
        if m < len(codes.own)
    }
    return fewer | {str(len(codes.own)): codes.match_clusters(transform)}


def _checkpoint(codes: _Codes, class_weights: ArrayLike, random: Generator) -> Figures:
    imagined, classes = codes_from_checkpoint(class_weights, random)
    attacker = codes._replace(own=imagined, own_labels=classes)
    return {
        "dictionary": asdict(attacker.guess_classes(codes.stored)),
        "cluster_matching": attacker.match_clusters(codes.draw_transform(random)),
    }


def _requests(codes: _Codes, random: Generator) -> Figures:
    popularity = 1 / np.arange(1, len(codes.own) + 1)
    queries = random.permutation(len(codes.own))
    stream = random.choice(queries, _REQUESTS, p=popularity / popularity.sum())
    answers, _ = search(codes.own, codes.stored, _ANSWERS)
    fetched, asked = np.sort(answers[stream], axis=1), np.unique(stream)

    def known_data(share: float) -> Figures:
        known = random.permutation(len(codes.stored))[: max(1, round(share * len(codes.stored)))]
        labels = codes.own_labels[asked]
        return asdict(known_data_attack(answers[asked], labels, known, codes.labels[known]))

    return {
        "repetition": {
            "trapdoors": asdict(repetition_attack(codes.own[stream], stream)),
            "fetches": asdict(repetition_attack(fetched, stream)),
        },
        "known_data": {
            str(share): _mean(known_data(share) for _ in range(_DRAWS)) for share in _KNOWN_SHARES
        },
        "co_fetching": asdict(co_fetching_attack(fetched, codes.labels)),
    }


def _lengths(contents: NDArray[np.integer]) -> Figures:
    padded = np.array([padme(int(length)) for length in contents])
    return {
        "unpadded": asdict(length_attack(contents)),
        "padded": asdict(length_attack(padded)),
        "padding_cost": float(padded.sum() / contents.sum() - 1),
    }


def _mean(draws: Iterable[Figures]) -> Figures:
    every = list(draws)
    return {name: float(np.mean([figures[name] for figures in every])) for name in every[0]}
