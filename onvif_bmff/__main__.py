"""``python -m onvif_bmff`` is the command line."""

from onvif_bmff.cli.main import command

if __name__ == "__main__":
    command()
