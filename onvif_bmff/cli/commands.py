"""The commands: one row each, and a module of the same name (``_`` for ``-``).

A command is added by a row here and a module of this package with ``register(subparsers)``, which adds its parser, and
``run(args)``, which returns a ``Status`` or a signal's status. Common parts of all commands are here and in
neighbouring modules: ``status`` (exit statuses), ``machine`` (``--json``), ``progress``, ``verbosity`` (``-v``,
``-q``), ``terminal`` (all output), ``signals``.
"""

from typing import NamedTuple

__all__ = ["COMMANDS", "Command"]


class Command(NamedTuple):
    """Properties of a command, for documents and the frame of the command line.

    ``findings`` is what exit status 1 means; None where there is no such status. ``schemas`` are the names of its JSON
    output with their versions (``onvif_bmff.cli.machine``).
    """

    findings: str | None = None
    schemas: tuple[tuple[str, int], ...] = ()


COMMANDS: dict[str, Command] = {
    "record": Command(
        "media are lost, a key was not wrapped for all certificates, or objects are left in the spool", (("record", 1),)
    ),
    "device": Command("not all spans could be closed in time"),
    "import": Command("files were left out, or media in them were lost"),
    "inspect": Command(schemas=(("inspect", 1),)),
    "info": Command("something could not be read", (("info", 1),)),
    "diagnose": Command("a clock, a gap or a sync sample is not as it should be", (("diagnose", 1),)),
    "decrypt": Command("a track stays encrypted, with --partial"),
    "rewrap": Command("an object could not be copied"),
    "extract": Command(),
    "timeline": Command(schemas=(("timeline", 1), ("totals", 1))),
    "export": Command("something was missing, damaged or not decrypted"),
    "validate": Command("errors or warnings", (("validate", 1), ("rules", 1))),
    "copy": Command("an object could not be copied", (("copy", 1),)),
    "move": Command("an object could not be moved", (("move", 1),)),
    "check-store": Command("the store is not fit", (("check-store", 1),)),
    "expire": Command("something could not be deleted", (("expire", 1),)),
    "hold": Command("an object could not be held", (("hold", 1),)),
    "release": Command("an object could not be released", (("release", 1),)),
    "spool": Command("objects are set aside or left open, or were not uploaded", (("spool", 1),)),
    "recover": Command("something could not be recovered", (("recover", 1),)),
    "fuzz": Command("the parser crashed or hung"),
}
"""The commands by name, in the order of ``--help``."""
