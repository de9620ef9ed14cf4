"""The paper's claims about speed, held to comparisons of systems on one machine."""

from collections.abc import Iterable, Sequence
from itertools import pairwise, product

from dlheir.comparison.record import Comparison, What
from dlheir.comparison.settings import NETWORK
from dlheir.report.claims import Claim, Evidence
from dlheir.report.precision_claims import PAPERS_SYSTEMS

_GROWS = Claim(
    "Table 3",
    "Search time increases as the collection does.",
    "each of ours, each larger collection takes longer than the next smaller one",
)
_FASTEST = Claim(
    "Table 3",
    "Our method searches more efficiently than [6] and [19].",
    f"every size, each of ours takes less than each of {', '.join(PAPERS_SYSTEMS)}",
)
_FEATURES = Claim(
    "Figure 4",
    "Features take less time to extract in most cases, with the model's loading.",
    "loading and extracting takes each of ours less than each of theirs in more than half of all "
    "pairs and sizes",
)
_NO_INDEX = Claim(
    "Figure 5",
    "No time goes into constructing an index.",
    "every size, building what the server searches takes each of ours 0 s",
)
_TRAPDOORS = Claim(
    "Figure 6",
    "Trapdoors take more time than those of [6] and [19].",
    "each of ours takes longer than each of theirs",
)


def efficiency_claims(comparisons: Sequence[Comparison]) -> list[Claim]:
    """Hold the claims of section 4.3 to measurements."""
    return [
        _GROWS.held_to([_grows(one) for one in comparisons]),
        _FASTEST.held_to([_fastest(one) for one in comparisons]),
        _FEATURES.held_to([_features(one) for one in comparisons]),
        _NO_INDEX.held_to([_no_index(one) for one in comparisons]),
        _TRAPDOORS.held_to([_trapdoors(one) for one in comparisons]),
    ]


def _grows(comparison: Comparison) -> Evidence | None:
    found = (_by_size(comparison, title, "search") for title in _ours(comparison))
    ours = [list(times.values()) for times in found if times]
    steps = [later > before for times in ours for before, later in pairwise(times)]
    if not steps:
        return None
    growth = [times[-1] / times[0] for times in ours]
    numbers = (
        f"{sum(steps)} of {len(steps)} steps; {min(growth):.2f} to {max(growth):.2f} times from "
        f"the smallest to the largest collection"
    )
    return Evidence(_name(comparison), all(steps), numbers)


def _fastest(comparison: Comparison) -> Evidence | None:
    ratios = _ratios(comparison, "search")
    if not ratios:
        return None
    return Evidence(_name(comparison), min(ratios) > 1, _against(ratios))


def _features(comparison: Comparison) -> Evidence | None:
    with_loading = _ratios(comparison, "features", with_loading=True)
    without = _ratios(comparison, "features")
    if not with_loading:
        return None
    shorter = sum(ratio > 1 for ratio in with_loading)
    numbers = (
        f"{shorter} of {len(with_loading)} with loading, {sum(ratio > 1 for ratio in without)} "
        f"without; {_against(with_loading)}"
    )
    return Evidence(_name(comparison), 2 * shorter > len(with_loading), numbers)


def _no_index(comparison: Comparison) -> Evidence | None:
    ours = [_by_size(comparison, title, "index") for title in _ours(comparison)]
    times = [seconds for of_one in ours for seconds in of_one.values()]
    if not times:
        return None
    theirs = [
        seconds
        for title in _theirs(comparison)
        for seconds in _by_size(comparison, title, "index").values()
    ]
    beside = f", theirs {min(theirs):.3g} to {max(theirs):.3g} s" if theirs else ""
    numbers = f"ours {min(times):.3g} to {max(times):.3g} s{beside}"
    return Evidence(_name(comparison), max(times) == 0, numbers)


def _trapdoors(comparison: Comparison) -> Evidence | None:
    ours, theirs = (
        [seconds for title in titles if (seconds := comparison.seconds(title, "trapdoor", 0))]
        for titles in (_ours(comparison), _theirs(comparison))
    )
    if not ours or not theirs:
        return None
    numbers = (
        f"ours {1000 * min(ours):.3g} to {1000 * max(ours):.3g} ms, theirs "
        f"{1000 * min(theirs):.3g} to {1000 * max(theirs):.3g} ms"
    )
    return Evidence(_name(comparison), min(ours) > max(theirs), numbers)


def _ratios(comparison: Comparison, what: What, *, with_loading: bool = False) -> list[float]:
    """How many times longer each of theirs takes than each of ours, at each size."""

    def seconds(title: str, size: int) -> float | None:
        found = comparison.seconds(title, what, size)
        load = comparison.seconds(title, "load", size) if with_loading else 0.0
        return None if found is None or load is None else found + load

    pairs = (
        (seconds(ours, size), seconds(theirs, size))
        for ours, theirs in product(_ours(comparison), _theirs(comparison))
        for size in comparison.pictures
    )
    return [theirs / ours for ours, theirs in pairs if ours and theirs is not None]


def _against(ratios: Sequence[float]) -> str:
    return f"theirs take {min(ratios):.2f} to {max(ratios):.2f} times as long"


def _by_size(comparison: Comparison, title: str, what: What) -> dict[int, float]:
    found = {size: comparison.seconds(title, what, size) for size in comparison.pictures}
    return {size: seconds for size, seconds in found.items() if seconds is not None}


def _ours(comparison: Comparison) -> list[str]:
    return list(_named(comparison, (NETWORK,)))


def _theirs(comparison: Comparison) -> list[str]:
    return list(_named(comparison, PAPERS_SYSTEMS))


def _named(comparison: Comparison, names: Iterable[str]) -> Iterable[str]:
    return (title for title in comparison.systems if comparison.entries[title]["name"] in names)


def _name(comparison: Comparison) -> str:
    return f"{comparison.data['name']}, {comparison.machine['cpu']}"
