"""What the paper claims in words, each with the rule that decides it and what it comes to here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dlheir.report.table import Figure, Line, Table

_UNMEASURED = "not measured here"


@dataclass(frozen=True)
class Evidence:
    """What one set of measurements says to a claim.

    Attributes:
        on: What was measured.
        holds: Whether the claim's rule is met.
        numbers: The figures that say so.
    """

    on: str
    holds: bool
    numbers: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        place: Where it stands in the paper.
        words: What it says.
        rule: When it holds, so that the verdict needs no opinion.
        evidence: Of everything here that it can be held to.
    """

    place: str
    words: str
    rule: str
    evidence: tuple[Evidence, ...] = ()

    def held_to(self, evidence: Sequence[Evidence | None]) -> "Claim":
        """The same claim with its evidence; what could not be measured is left out."""
        return replace(self, evidence=tuple(one for one in evidence if one))


def claims_table(claims: Sequence[Claim]) -> Table:
    """Set out claims, a line for each set of measurements."""
    lines = [
        Line(
            (claim.place, claim.words, claim.rule, on, verdict),
            (Figure(numbers, values=(("", numbers),)),),
        )
        for claim in claims
        for on, verdict, numbers in _verdicts(claim)
    ]
    return Table(
        "claims",
        "The paper's claims",
        ("in", "claim", "holds if", "measured on", "verdict"),
        ("numbers",),
        tuple(lines),
        "Section 4 of the paper, claim by claim. Ours, the paper's word for its method, are the "
        "networks of these folders; means over seeds; per cent and percentage points.",
    )


def _verdicts(claim: Claim) -> list[tuple[str, str, str]]:
    if not claim.evidence:
        return [("", _UNMEASURED, "")]
    return [
        (one.on, "holds" if one.holds else "does not hold", one.numbers) for one in claim.evidence
    ]
