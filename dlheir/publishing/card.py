"""The card of a checkpoint, written from its registry entry alone."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from dlheir.checkpoints import Entry
from dlheir.publishing.overview import percent

# What each protocol searches, and so what its scores say.
PROTOCOLS = {
    "paper": "the database is the training set, as in the paper. This asks whether a picture's "
    "class is recognised; it tells little about pictures of classes that were never trained on",
    "disjoint": "the database are other pictures of the classes that were trained on, so what is "
    "found was never trained on",
    "unseen_classes": "database and queries are of classes that were never trained on",
    "cifar10_54k": "1,000 queries against the 54,000 pictures that were not trained on",
    "cifar10_59k": "1,000 queries against 59,000 pictures, of which 5,000 were trained on",
    "cifar10_50k": "the 10,000 official test pictures against the 50,000 that were trained on",
}
# Ways to hash, by their key in the registry.
HASHING = {
    "run": "the run's own weights, before they were halved",
    "bf16": "bfloat16, `--precision bf16`",
    "onnx": "ONNX, float32",
    "onnx_int8": "ONNX, int8",
}


def card(entry: Entry) -> str:
    """Write a card in GitHub's Markdown."""
    facts = entry.facts
    return _template().render(
        **facts,
        name=entry.name,
        protocol_says=PROTOCOLS[facts["protocol"]],
        ways=[(HASHING[key], facts["hashing"][key]) for key in HASHING if key in facts["hashing"]],
        first_k=min(facts["scores"]["expected_precision"], key=int),
    )


@cache
def _template() -> Template:
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"percent": percent, "number": _number, "commit": _commit}
    text = files("dlheir.publishing").joinpath("card.md.jinja").read_text(encoding="utf-8")
    return environment.from_string(text)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _commit(commit: str | None) -> str:
    if commit is None:
        return "unknown"
    return commit[:8] + ("-dirty" if commit.endswith("-dirty") else "")
