"""`dlheir checkpoints publish`: from a finished run to a checkpoint that people load by name."""

import argparse
from pathlib import Path

from dlheir.output import say

DESCRIPTION = """\
Publish the tested state of the run in RUN: its weights in half precision as NAME/model.safetensors,
its card, its entry in registry.json and its line in README.md, all in the folder --to.

Scores and codes are those of that file: it is tested again by `dlheir test` through the encrypted
store, beside the run in `published`, with the run's own split, in float32. What other ways of
hashing change is measured on the same pictures. The same command goes on where it was interrupted,
and what was published before stays as it is until everything is made."""
EXAMPLE = """\
example:
  dlheir checkpoints publish runs/corel5k/RUN_ID --root COREL5K"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a finished run")
    parser.add_argument(
        "--name", help="MODEL.TAG; else MODEL.DATASET_BITSb, and _SIZEpx unless that is 224"
    )
    parser.add_argument(
        "--to",
        metavar="DIR",
        type=Path,
        default=Path("checkpoints"),
        help="folder of the registry; else checkpoints",
    )
    parser.add_argument(
        "--root", metavar="PICTURES", type=Path, help="the run's pictures, if they have moved"
    )
    parser.add_argument(
        "--not-hosted",
        action="store_true",
        help='leave the weights beside the test\'s results; the registry says "not hosted yet"',
    )
    parser.add_argument(
        "--no-exports", action="store_true", help="measure no ONNX files, which takes onnxruntime"
    )
    parser.add_argument(
        "--replace", action="store_true", help="exchange a checkpoint that was published before"
    )
    parser.add_argument("--weights-licence", metavar="TEXT", help="else: what they were made from")
    parser.add_argument("--data-licence", metavar="TEXT", help="else: what is known of the set")


def run(arguments: argparse.Namespace) -> None:
    """Publish, and print the name, the file and the card.

    Raises:
        InputError: the run cannot be published so.
        WorkError: the file's test failed.
    """
    from dlheir.publishing.publish import Wanted, publish

    done = publish(
        Wanted(
            run=arguments.run,
            to=arguments.to,
            name=arguments.name,
            root=arguments.root,
            hosted=not arguments.not_hosted,
            exports=not arguments.no_exports,
            replace=arguments.replace,
            weights_licence=arguments.weights_licence,
            data_licence=arguments.data_licence,
        )
    )
    say(done.entry.name)
    say(str(done.weights))
    say(str(done.card))
