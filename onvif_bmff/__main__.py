"""The command line, as ``onvif-bmff`` and as ``python -m onvif_bmff``.

The command line is imported within a function: an interrupt ends it quietly also before it handles signals itself.
"""

import os
import sys

_INTERRUPTED = 130
"""Exit status after SIGINT, as that of all commands: 128 and the signal's number."""


def command() -> None:
    """Run the command line; the process ends with it."""
    try:
        from onvif_bmff.cli.main import main

        status = main(last=True)
    except KeyboardInterrupt:  # before the handlers of ``main``: nothing is open or written yet
        os._exit(_INTERRUPTED)  # at once, since a second signal would interrupt an orderly exit
    sys.exit(status)


if __name__ == "__main__":
    command()
