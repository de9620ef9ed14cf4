"""What leaks from the store, measured: each attack of `THREATS.md` as code.

An attack works on arrays: codes as the server holds them, requests as it sees them, lengths. What
it returns has the attacker's chance level beside it. `measure_leakage` runs them all.
"""

from dlheir.store.attacks.checkpoint import codes_from_checkpoint
from dlheir.store.attacks.cluster_matching import ClusterMatching, cluster_matching_attack
from dlheir.store.attacks.co_fetching import CoFetching, co_fetching_attack
from dlheir.store.attacks.dictionary import ClassGuess, dictionary_attack
from dlheir.store.attacks.known_data import known_data_attack
from dlheir.store.attacks.known_pairs import KnownPairs, known_pairs_attack
from dlheir.store.attacks.lengths import LengthMatching, length_attack
from dlheir.store.attacks.repetition import Repetition, repetition_attack
from dlheir.store.attacks.report import measure_leakage
from dlheir.store.attacks.table import leakage_table

__all__ = [
    "ClassGuess",
    "ClusterMatching",
    "CoFetching",
    "KnownPairs",
    "LengthMatching",
    "Repetition",
    "cluster_matching_attack",
    "co_fetching_attack",
    "codes_from_checkpoint",
    "dictionary_attack",
    "known_data_attack",
    "known_pairs_attack",
    "leakage_table",
    "length_attack",
    "measure_leakage",
    "repetition_attack",
]
