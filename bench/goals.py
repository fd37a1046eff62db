"""A goal, what was measured against it, and whether it is met."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes:
        name: what is asked for, in a few words.
        figure: what was measured.
        bound: the largest figure that meets the goal; none if the figure is only reported.
        unit: of both.
        context: the absolute numbers behind a ratio.
    """

    name: str
    figure: float
    bound: float | None
    unit: str = "times"
    context: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        if self.bound is None:
            return "reported"
        return "met" if self.figure <= self.bound else f"missed by {self.figure / self.bound:.1f} times"
