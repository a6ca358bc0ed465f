"""What follows from a codec alone is worked out once for all codecs that compare equal."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

__all__ = ["per_codec"]

P = ParamSpec("P")
T = TypeVar("T")


def per_codec(work: Callable[P, T]) -> Callable[P, T]:
    """Keep the results of a function of a codec (and of values that go with it) for equal arguments.

    A codec needs no hash; for one without, nothing is kept. ``__wrapped__`` is the function as it was.
    """
    kept = lru_cache(maxsize=64)(work)

    @wraps(work)
    def result(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return kept(*args, **kwargs)  # type: ignore[arg-type]  # whether it has a hash shows here
        except TypeError:
            if _have_hashes(*args, *kwargs.values()):
                raise  # the function's own
        return work(*args, **kwargs)

    return result


def _have_hashes(*values: object) -> bool:
    try:
        hash(values)
    except TypeError:
        return False
    return True
