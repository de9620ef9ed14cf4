"""The argument parser of the commands whose arguments argparse reads."""

import argparse
from typing import NoReturn

from dlheir.errors import InputError


class OneLineParser(argparse.ArgumentParser):
    """Answers wrong arguments with an `InputError` instead of the usage and an exit."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise InputError(f"{self.prog}: {message}; see {self.prog} --help")
