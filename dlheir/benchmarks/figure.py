"""What a benchmark finds."""

from dataclasses import dataclass

TIMES = "times"
# Of values in these units less is better; of all others more is.
_LESS_IS_BETTER = {"s", "ms", "us", "MB"}


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        name: What was measured.
        value: The value.
        unit: Its unit; "times" for a ratio of two durations that were measured side by side,
            the other one's over ours: above 1 ours is faster.
        ours: Median duration of ours in seconds, where the value comes from one.
        other: Median duration of what it is compared with in seconds, where there is one.
        against: What it is compared with.
        target: What the project sets out to reach, in the unit of `value`: at most so many of
            seconds and megabytes, at least so many of anything else.
        repeats: Measurements behind each median.
    """

    name: str
    value: float
    unit: str
    ours: float | None = None
    other: float | None = None
    against: str = ""
    target: float | None = None
    repeats: int = 1

    @property
    def at_most(self) -> bool:
        """Whether the target is an upper bound."""
        return self.unit in _LESS_IS_BETTER

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target
