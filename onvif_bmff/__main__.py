"""``python -m onvif_bmff`` is the command line."""

import sys

from onvif_bmff.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
