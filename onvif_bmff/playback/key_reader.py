"""Names of objects as columns of numbers, by place and extension: what a timeline is made of."""

from collections.abc import Collection, Iterable, Iterator

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.objects.key import KeyHead, ObjectKey, read_head, read_tail
from onvif_bmff.playback.key_columns import KeyColumns

__all__ = ["KeyReader"]

_SECOND = 1_000_000
_EXAMPLES = 10


class KeyReader:
    """Reads names, in any order and in any number of parts; parts that other processes read can be added.

    The attributes are those of ``Timeline``.

    Args:
        prefix: the configured prefix (empty: none is configured), or None for any.
        postfix: the configured postfix, likewise.
        extensions: those that count as recordings.
    """

    def __init__(
        self, prefix: str | None = None, postfix: str | None = None, extensions: Collection[str] = EXTENSIONS
    ) -> None:
        self._prefix = prefix
        self._postfix = postfix
        self._extensions = frozenset(extensions)
        self._kinds: dict[tuple[str, str], dict[str, KeyColumns]] = {}
        self.objects = self.foreign = self.ambiguous = 0
        self.foreign_examples: list[str] = []
        self.other_formats: dict[str, int] = {}

    def read(self, keys: Iterable[str | ObjectKey]) -> None:
        """Read names. Those that are not keys, or of another recording, are counted and skipped."""
        known, prefix, postfix, kinds = self._extensions, self._prefix, self._postfix, self._kinds
        objects = ambiguous = 0
        last_head: str | None = None
        where = KeyHead("", "", 0, ambiguous=False)
        base = 0
        here: dict[str, KeyColumns] = {}
        for given in keys:
            text = given if isinstance(given, str) else str(given)
            head, _, tail = text.rpartition("/")
            try:
                if head != last_head:
                    where = read_head(head, prefix, postfix)
                    last_head = head
                    # The order of the start of the hour; see order_of and UtcTime.sort_key.
                    base = 2 * (2 * where.hour_start + _SECOND)
                    here = kinds.setdefault((where.prefix, where.postfix), {})
                offset, leap, digits, counter, extension, span_end = read_tail(tail)
                if extension not in known:
                    if not span_end:
                        self.other_formats[extension] = self.other_formats.get(extension, 0) + 1
                    raise ObjectKeyError("no extension of a recording")
            except ObjectKeyError:
                self._skip(text)
                continue
            objects += 1
            ambiguous += where.ambiguous
            columns = here.get(extension)
            if columns is None:
                columns = here[extension] = KeyColumns(where.prefix, where.postfix, extension)
            order = base + 2 * (2 * offset - offset % _SECOND) + (not span_end)
            if leap:
                order -= 2 * _SECOND
            columns.orders.append(order)
            columns.counters.append(int(counter))
            columns.digits.append(digits)
            if counter[0] == "0" and len(counter) > 1:
                columns.padded[order, int(counter)] = len(counter)
        self.objects += objects
        self.ambiguous += ambiguous

    def add(self, other: "KeyReader") -> None:
        """Add what another reader, of names that come behind these, has read. It must not be used any more."""
        for columns in other.columns():
            here = self._kinds.setdefault((columns.prefix, columns.postfix), {})
            if columns.extension in here:
                here[columns.extension].extend(columns)
            else:
                here[columns.extension] = columns
        self.objects += other.objects
        self.foreign += other.foreign
        self.ambiguous += other.ambiguous
        self.foreign_examples += other.foreign_examples[: _EXAMPLES - len(self.foreign_examples)]
        for extension, count in other.other_formats.items():
            self.other_formats[extension] = self.other_formats.get(extension, 0) + count

    def columns(self) -> Iterator[KeyColumns]:
        """Yield the columns of each prefix, postfix and extension, in this order."""
        for _, here in sorted(self._kinds.items()):
            for extension in sorted(here):
                yield here[extension]

    def _skip(self, text: str) -> None:
        self.foreign += 1
        if len(self.foreign_examples) < _EXAMPLES:
            self.foreign_examples.append(text[:200])
