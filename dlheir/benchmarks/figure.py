"""What a benchmark finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        name: What was measured.
        value: The value.
        unit: Its unit; "times" for a ratio of two durations that were measured side by side.
    """

    name: str
    value: float
    unit: str
