"""A process without privileges, on file systems that are read-only but for one folder."""

import subprocess
from pathlib import Path

import pytest
from support_tools import need

_SCRIPT = """\
set -e
mount --bind "$1" "$1"
sed 's/[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .*/\\1/' /proc/self/mountinfo | while read -r place; do
  case "$place" in "$1"|/proc|/proc/*) ;; *) mount -o remount,bind,ro "$place" 2>/dev/null || true ;; esac
done
shift
exec unshare --user --map-user=1000 --map-group=1000 -- "$@"
"""


def confined(command: list[str], folder: Path) -> list[str]:
    """Return a command that runs another one as user 1000, without capabilities, which may write to ``folder`` alone.

    Skips the test where the system allows no name spaces of users, as many containers do not.
    """
    found = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _SCRIPT, "sh", str(folder), *command]
    check = "test $(id -u) = 1000 && grep -q '^CapEff:.0*$' /proc/self/status && ! touch /tmp/confined 2>/dev/null"
    tried = [*found[: -len(command)], "sh", "-c", f"{check} && touch {folder}/confined && rm {folder}/confined"]
    need("unshare")
    if subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("name spaces of users are not allowed here (sysctl, or the container's settings)")
    return found
