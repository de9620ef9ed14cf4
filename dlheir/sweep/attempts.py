"""What became of each attempt of a sweep to make a run: `attempts/<run id>.json`."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from dlheir.errors import InputError
from dlheir.files import write_json
from dlheir.runs import RunFolder

SCHEMA = 1


@dataclass(frozen=True)
class Attempt:
    """One process that tried to make a run.

    Attributes:
        began: When, as ISO 8601 with its offset from UTC.
        seconds: How long it took.
        exit_code: The process's; negative for the signal that killed it, as subprocess has it.
        host: The machine's name.
        last_lines: What it printed last.
    """

    began: str
    seconds: float
    exit_code: int
    host: str
    last_lines: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why it ended so, in a line."""
        if not self.last_lines:
            return f"exit code {self.exit_code}"
        return self.last_lines[-1].removeprefix("dlheir: ")


def read_attempts(run: RunFolder) -> list[Attempt]:
    """Read what became of each attempt so far, the first one first.

    Raises:
        InputError: The file is damaged.
    """
    try:
        content = json.loads(run.attempts.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError("schema")
        return [_attempt(**fields) for fields in content["attempts"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{run.attempts}: not a whole list of attempts; remove it") from error


def add_attempt(run: RunFolder, attempt: Attempt) -> None:
    """Add an attempt that has ended; the caller is the one who supervised it."""
    attempts = [*read_attempts(run), attempt]
    run.attempts.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        run.attempts,
        {"schema": SCHEMA, "run_id": run.run_id, "attempts": [asdict(a) for a in attempts]},
    )


def _attempt(last_lines: list[str], **fields: Any) -> Attempt:
    return Attempt(last_lines=tuple(last_lines), **fields)
