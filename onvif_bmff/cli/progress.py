"""Progress of a command, shown on standard error if that is a terminal, and nowhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from onvif_bmff.errors import escaped

__all__ = ["progress"]


@contextmanager
def progress(title: str, total: int, *, unit: str = "", quiet: bool = False) -> Iterator[Callable[..., None] | None]:
    """Show a bar while the body runs; the body calls the yielded function with the part of ``total`` done, and a note.

    ``unit`` is ``"bytes"`` where ``total`` counts bytes. Nothing is shown, and None is given, where standard error
    is no terminal, or if ``quiet``. Without rich the bar is a line of text.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        yield lambda done, note="": _write_line(title, done, total, note)
        sys.stderr.write("\n")
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn() if unit == "bytes" else MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escaped(title), total=total, note="")
        yield lambda done, note="": bar.update(task, completed=done, note=escaped(note))


def _write_line(title: str, done: int, total: int, note: str) -> None:
    sys.stderr.write(f"\r{escaped(title)} {100 * done // max(total, 1)} % {escaped(note)} ")
    sys.stderr.flush()
