"""`dlheir complexity`: its command line."""

import argparse
from collections.abc import Sequence

from dlheir.one_line_parser import OneLineParser

_DESCRIPTION = """\
What networks cost: parameters, multiply-accumulates (MACs) of one picture, memory that training
keeps of it, and pictures a second if asked.

Without names, the paper's two networks and its Table 2, with what it prints beside our counts.
A network that takes no pictures of a size is left out there, and the reason is said.
"""
_EPILOG = """\
examples:
  dlheir complexity                                  the paper's Table 2
  dlheir complexity --all                            every network, with 48 bits
  dlheir complexity dlheir mobilenet_v2 --bits 48    two networks
  dlheir complexity --all --json > complexity.json   a row per network, bits and image size
  dlheir complexity mobilenet_v2 --bits 48 --speed   pictures a second, too, on this machine
  dlheir complexity --equations                      equations (1) to (6) for the paper's block
"""


def main(argv: Sequence[str]) -> None:
    """Run `dlheir complexity`.

    Raises:
        InputError: an argument is wrong, or no network takes pictures of the sizes.
    """
    arguments = _parser().parse_args(argv)
    from dlheir.complexity.command import run  # torch takes seconds, which --help need not

    run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="dlheir complexity",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks")
    parser.add_argument("--all", action="store_true", help="every network there is, by itself")
    parser.add_argument(
        "--bits", nargs="+", type=int, help="code lengths; 12 24 32 48, with --all 48"
    )
    parser.add_argument(
        "--image-size",
        nargs="+",
        type=int,
        default=(224, 384),
        help="sides in pixels; 224 384",
    )
    parser.add_argument(
        "--equations",
        action="store_true",
        help="the paper's equations (1) to (6) for networks whose last layers a block replaces, "
        "and what it replaces; bits do not matter",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    speed = parser.add_argument_group("speed")
    speed.add_argument("--speed", action="store_true", help="measure pictures a second, too")
    speed.add_argument("--batch-size", type=int, default=8, help="pictures of a batch; 8")
    speed.add_argument("--repeats", type=int, default=5, help="batches of which the median is; 5")
    return parser
