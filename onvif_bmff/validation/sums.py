"""The findings of a validation, chosen and counted: sums by level and by rule."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from onvif_bmff.validation.rules import RULES, Finding, Level

__all__ = ["FindingSums", "RuleSum", "reaches"]

_RANK = {level: rank for rank, level in enumerate((Level.NOTE, Level.WARNING, Level.ERROR))}


def reaches(level: Level, threshold: Level) -> bool:
    """Return whether a level is at least as serious as another one: error, then warning, then note."""
    return _RANK[level] >= _RANK[threshold]


@dataclass(frozen=True, slots=True)
class RuleSum:
    """The findings of one rule and level: how many, and how many cases they stand for (``Finding.count``)."""

    rule: str
    level: Level
    text: str
    findings: int
    cases: int

    def to_json(self) -> Mapping[str, object]:
        """Return it as plain values for JSON."""
        return {**asdict(self), "level": self.level.value}


class FindingSums:
    """Passes findings on, and counts them.

    Args:
        ignore: ids of rules whose findings are left out, of the sums too.
        most: findings that are passed on at most; later ones are only counted. None for all.

    Attributes:
        levels: findings by level.
        ignored: findings that were left out, by rule.
        hidden: findings that were counted, and not passed on.

    Raises:
        ValueError: there is no rule with an id of ``ignore``, or ``most`` is negative.
    """

    def __init__(self, *, ignore: Iterable[str] = (), most: int | None = None) -> None:
        self._ignore = frozenset(ignore)
        unknown = sorted(self._ignore - RULES.keys())
        if unknown:
            raise ValueError(f"there is no rule {unknown[0]!r}")
        if most is not None and most < 0:
            raise ValueError(f"a number of findings is not negative: {most}")
        self._most = most
        self._rules: dict[tuple[str, Level], tuple[int, int]] = {}
        self.levels: Counter[Level] = Counter()
        self.ignored: Counter[str] = Counter()
        self.hidden = 0

    def shown(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings that a report shows. All are counted once the last one was taken."""
        number = 0
        for finding in findings:
            if finding.rule in self._ignore:
                self.ignored[finding.rule] += 1
                continue
            count, cases = self._rules.get((finding.rule, finding.level), (0, 0))
            self._rules[finding.rule, finding.level] = count + 1, cases + finding.count
            self.levels[finding.level] += 1
            number += 1
            if self._most is None or number <= self._most:
                yield finding
            else:
                self.hidden += 1

    @property
    def rules(self) -> tuple[RuleSum, ...]:
        """Sums by rule: the most serious first, then those with most cases."""
        order = sorted(self._rules.items(), key=lambda item: (-_RANK[item[0][1]], -item[1][1], item[0][0]))
        return tuple(RuleSum(rule, level, RULES[rule].text, count, cases) for (rule, level), (count, cases) in order)

    def reach(self, threshold: Level) -> bool:
        """Return whether any finding was at least as serious as ``threshold``."""
        return any(count and reaches(level, threshold) for level, count in self.levels.items())
