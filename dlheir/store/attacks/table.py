"""The figures of all attacks as a table."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

Row = tuple[str, str, str, str, float, float]


def leakage_table(leakage: dict[str, Any]) -> Table:
    """Lay out for a terminal what `measure_leakage` returned.

    Args:
        leakage: the `leakage` section of `results.json`.
    """
    cost = f"Padding adds {leakage['lengths']['padding_cost']:.1%} to what is sealed."
    table = Table(title="What leaks", caption=cost, title_justify="left", caption_justify="left")
    for column in ("attack", "codes", "attacker has", "and learns"):
        table.add_column(column)
    for column in ("share", "chance"):
        table.add_column(column, justify="right", no_wrap=True)
    for *words, share, chance in (*_on_codes(leakage), *_on_requests_and_lengths(leakage)):
        table.add_row(*words, f"{share:.1%}", f"{chance:.1%}")
    return table


def _on_codes(leakage: dict[str, Any]) -> Iterator[Row]:
    pictures, named = f"{leakage['own_pictures']:,} pictures", "pictures' class"
    for mode, guess in leakage["dictionary"].items():
        yield "dictionary", mode, pictures, named, guess["accuracy"], guess["chance"]
    if "checkpoint" in leakage:
        guess, found = leakage["checkpoint"].values()
        alone = "checkpoint alone"
        yield "dictionary", "plain", alone, named, guess["accuracy"], guess["chance"]
        share, chance = found["accuracy"], found["accuracy_chance"]
        yield "cluster matching", "keyed", alone, named, share, chance
    for pairs, found in leakage["known_pairs"]["by_pairs"].items():
        share, chance = found["accuracy"], found["accuracy_chance"]
        yield "known pairs", "keyed", f"known pairs: {pairs}", named, share, chance
    for own, found in leakage["cluster_matching"].items():
        share, chance = found["accuracy"], found["accuracy_chance"]
        yield "cluster matching", "keyed", f"{int(own):,} pictures", named, share, chance


def _on_requests_and_lengths(leakage: dict[str, Any]) -> Iterator[Row]:
    trapdoors, fetches = leakage["repetition"]["trapdoors"], leakage["repetition"]["fetches"]
    same = "same query"
    yield "repetition", "plain, keyed", "trapdoors", same, trapdoors["right"], trapdoors["chance"]
    yield "repetition", "any", "fetches", same, fetches["right"], fetches["chance"]
    for share, guess in leakage["known_data"].items():
        has = f"fetches, {float(share):.0%} known"
        yield "known data", "any", has, "queries' class", guess["accuracy"], guess["chance"]
    together = leakage["co_fetching"]
    share, chance = together["precision"], together["chance"]
    yield "co-fetching", "any", "fetches", "same class", share, chance
    for padding in ("unpadded", "padded"):
        found, has = leakage["lengths"][padding], f"lengths, {padding}"
        yield "lengths", "any", has, "which file", found["identified"], found["chance"]
