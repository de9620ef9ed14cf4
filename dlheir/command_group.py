"""Commands that have commands of their own: `dlheir store`, `dlheir checkpoints`."""

import importlib
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass

from dlheir.errors import InputError
from dlheir.one_line_parser import OneLineParser


@dataclass(frozen=True)
class CommandGroup:
    """What there is to do, and the way to each command.

    Attributes:
        name: As in `dlheir NAME COMMAND`.
        package: Has a module for each command, with DESCRIPTION, EXAMPLE, `add_arguments(parser)`
            and `run(arguments)`.
        commands: Their names.
        story: What the group prints of itself.
    """

    name: str
    package: str
    commands: Sequence[str]
    story: str

    def main(self, argv: Sequence[str]) -> None:
        """Run a command.

        Args:
            argv: Of the command line, from the command's name on.

        Raises:
            InputError: There is no such command, or its arguments are wrong.
        """
        if not argv or argv[0] in {"-h", "--help"}:
            sys.stdout.write(self.story)
            return
        name, *rest = argv
        if name not in self.commands:
            raise InputError(
                f"unknown command {self.name} {name!r}; there are {', '.join(self.commands)}; "
                f"see dlheir {self.name} --help"
            )
        command = importlib.import_module(f"{self.package}.{name}")
        parser = OneLineParser(
            prog=f"dlheir {self.name} {name}",
            description=command.DESCRIPTION,
            epilog=command.EXAMPLE,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(parser)
        command.run(parser.parse_args(rest))
