"""The paper's claims about precision, networks and leakage, held to runs."""

from collections.abc import Iterable, Sequence
from itertools import pairwise, product

from dlheir.report import paper
from dlheir.report.claims import Claim, Evidence
from dlheir.report.groups import Group, Row, groups_of
from dlheir.report.settings import has_options
from dlheir.report.systems import Figure3, Measured, figures3_of

# Systems of the paper's references [6] and [19], which its section 4 calls [6] and [17].
PAPERS_SYSTEMS = ("xia_csd", "xia_scd", "qin")
_LAST_K, _FIRST_K = 100, 20
_HARDLY = 2.0  # percentage points
_LONGEST = 48

_BEST = Claim(
    "Figure 3",
    "Our method outperforms [6] and [19].",
    f"every k, ours with most bits above each of {', '.join(PAPERS_SYSTEMS)}",
)
_GAP = Claim(
    "Figure 3",
    "The gap hardly changes with k, but at k = 100.",
    f"the gap to the best of them differs from that at k = {_FIRST_K} by less than {_HARDLY:g} "
    f"points at every other k below {_LAST_K}, and by more at {_LAST_K} (the limit is ours)",
)
_MOST_BITS = Claim(
    "Figure 3 and Table 1",
    "48 bits perform better than the others.",
    "every k and image size, 48 bits above each other code length",
)
_LARGER = Claim(
    "Table 1",
    "Larger pictures consistently improve precision.",
    "every k and code length, each larger image size above the next smaller one",
)
_SMALLER = Claim(
    "Table 2",
    "Our network has fewer parameters and MFLOPs than the original.",
    "every code length, fewer parameters, fewer “MFLOPs” (no inference cost: what TensorFlow 1 "
    "counts on a training graph) and fewer MACs than densenet201",
)
_PICTURES = Claim(
    "Section 4.4",
    "The content of pictures is well protected.",
    "the length of a sealed picture names it no more often than guessing does; that its bytes say "
    "nothing is AES-GCM's promise, which no run measures",
)
_CODES = Claim(
    "Section 4.4",
    "The hash code is well protected.",
    "who holds the stored codes and pictures of their own names classes no more often than by the "
    "most frequent class",
)


def precision_claims(rows: Sequence[Row]) -> list[Claim]:
    """Hold the claims of sections 4.1, 4.2 and 4.4 to runs."""
    done = [row for row in rows if row.done]
    figures, groups = figures3_of(done), groups_of(done)
    ours = [(figure, row) for figure in figures for row in _with_most_bits(figure.ours)]
    return [
        _BEST.held_to([_outperforms(*one) for one in ours]),
        _GAP.held_to([_gap_stays(*one) for one in ours]),
        _MOST_BITS.held_to([_most_bits(group) for group in groups]),
        _LARGER.held_to([_larger(group) for group in groups]),
        _SMALLER.held_to([_smaller(done)]),
        _PICTURES.held_to([_leaks(row, "lengths", "padded", "identified") for row in done]),
        _CODES.held_to([_leaks(row, "dictionary", "plain", "accuracy") for row in done]),
    ]


def _with_most_bits(rows: Sequence[Row]) -> list[Row]:
    """Of each network of a figure the row with most bits, which the paper draws."""
    found: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.bits):
        found[row.model] = row
    return list(found.values())


def _outperforms(figure: Figure3, row: Row) -> Evidence | None:
    margins = {
        (_mean(row, k) - value, other.title, k)
        for other in _of_paper(figure)
        for k, value in _precision(other).items()
        if k in row.ks
    }
    if not margins:
        return None
    least, title, k = min(margins)
    return Evidence(
        _name(figure, row), least > 0, f"least margin {least:+.2f}, to {title} at k = {k}"
    )


def _gap_stays(figure: Figure3, row: Row) -> Evidence | None:
    others = [_precision(other) for other in _of_paper(figure)]
    ks = [k for k in row.ks if others and all(k in other for other in others)]
    gaps = {k: _mean(row, k) - max(other[k] for other in others) for k in ks}
    between = [k for k in gaps if _FIRST_K < k < _LAST_K]
    if not {_FIRST_K, _LAST_K} <= gaps.keys() or not between:
        return None
    changes = {k: abs(gap - gaps[_FIRST_K]) for k, gap in gaps.items()}
    holds = max(changes[k] for k in between) < _HARDLY < changes[_LAST_K]
    written = ", ".join(f"{gap:.2f} at {k}" for k, gap in gaps.items())
    return Evidence(_name(figure, row), holds, f"gap {written}")


def _most_bits(group: Group) -> Evidence | None:
    margins = [
        (_mean(most, k) - _mean(other, k), f"{other.bits} bits, {most.image_size} px, k = {k}")
        for most, other in product(group.rows, repeat=2)
        if most.bits == _LONGEST != other.bits and most.image_size == other.image_size
        for k in _shared(most, other)
    ]
    return _least_margin(group, margins)


def _larger(group: Group) -> Evidence | None:
    by_bits = [[row for row in group.rows if row.bits == bits] for bits in _bits(group)]
    margins = [
        (_mean(larger, k) - _mean(smaller, k), f"{larger.bits} bits, k = {k}")
        for rows in by_bits
        for larger, smaller in pairwise(sorted(rows, key=lambda row: -row.image_size))
        for k in _shared(larger, smaller)
    ]
    return _least_margin(group, margins)


def _least_margin(group: Group, margins: Sequence[tuple[float, str]]) -> Evidence | None:
    if not margins:
        return None
    least, where = min(margins)
    met = sum(margin > 0 for margin, _ in margins)
    numbers = f"{met} of {len(margins)} comparisons; least margin {least:+.2f} ({where})"
    return Evidence(group.title, met == len(margins), numbers)


def _smaller(rows: Sequence[Row]) -> Evidence | None:
    plain = [row for row in rows if not has_options(row.settings)]
    pairs = [
        (ours, original)
        for ours, original in product(plain, repeat=2)
        if (ours.model, original.model) == (paper.MODEL, paper.ORIGINAL)
        and (ours.bits, ours.image_size) == (original.bits, original.image_size)
        and ours.data.trained_classes == original.data.trained_classes
    ]
    names = {"parameters": "parameters", "paper_mflops": "“MFLOPs”", "macs": "MACs"}
    shares = {
        label: [ours.complexity(name) / original.complexity(name) for ours, original in pairs]
        for name, label in names.items()
    }
    if not pairs:
        return None
    written = ", ".join(f"{label} {max(found):.1%}" for label, found in shares.items())
    bits = ", ".join(map(str, sorted({ours.bits for ours, _ in pairs})))
    holds = all(share < 1 for found in shares.values() for share in found)
    return Evidence(f"{bits} bits", holds, f"of the original's at most: {written}")


def _leaks(row: Row, attack: str, how: str, measure: str) -> Evidence | None:
    """Hold an attack's success to chance, of the first run that was attacked."""
    found = next((r["leakage"][attack][how] for r in row.results if "leakage" in r), None)
    if found is None:
        return None
    numbers = f"{100 * found[measure]:.2f} by the attack, {100 * found['chance']:.2f} by chance"
    on = f"{row.model}, {row.bits} bits, {row.image_size} px on {row.data.heading}"
    return Evidence(on, found[measure] <= found["chance"], numbers)


def _of_paper(figure: Figure3) -> list[Measured]:
    return [other for other in figure.others if other.name in PAPERS_SYSTEMS]


def _precision(other: Measured) -> dict[int, float]:
    return {k: summary.mean for k in other.ks if (summary := other.summary(k))}


def _mean(row: Row, k: int) -> float:
    summary = row.summary("precision", k)
    assert summary is not None  # k is one of the row's
    return summary.mean


def _shared(some: Row, other: Row) -> list[int]:
    return sorted(set(some.ks) & set(other.ks))


def _bits(group: Group) -> Iterable[int]:
    return dict.fromkeys(row.bits for row in group.rows)


def _name(figure: Figure3, row: Row) -> str:
    return f"{figure.title_of(row)} on {figure.data.heading}"
