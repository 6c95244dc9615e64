"""What can be wrong, said all at once."""

from __future__ import annotations

from collections.abc import Iterable


class LeadlightError(Exception):
    """Something a person has to mend. Carries every problem found, not just the first.

    >>> raise LeadlightError("the playbook cannot be used", ["no SQL definition", "no horizon"])
    Traceback (most recent call last):
    features.errors.LeadlightError: the playbook cannot be used
      - no SQL definition
      - no horizon
    """

    def __init__(self, what: str, problems: Iterable[str] = ()) -> None:
        self.what = what
        self.problems = tuple(problems)
        super().__init__("\n".join([what, *(f"  - {problem}" for problem in self.problems)]))


class TableError(LeadlightError):
    """A table does not have the promised shape."""


class DefinitionError(LeadlightError):
    """A feature, playbook or mapping says something that cannot be meant."""


class TooLittleDataError(LeadlightError):
    """There are not enough outcomes to learn honestly; says how many are missing."""
