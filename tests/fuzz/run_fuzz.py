"""Coverage-guided fuzzing of one target: ``python tests/fuzz/run_fuzz.py boxes --seconds 60 [CORPUS]``.

Needs atheris (``pip install atheris``), which is no dependency of the library. Further arguments go to libFuzzer: the
first folder among them collects what reaches new code.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["onvif_bmff"]):
    import fuzz_targets

KEPT = Path(__file__).resolve().parents[1] / "corpus"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=fuzz_targets.TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    arguments, rest = parser.parse_known_args()
    seeds = Path(tempfile.mkdtemp(prefix="onvif-bmff-seeds-"))
    for number, seed in enumerate(fuzz_targets.SEEDS[arguments.target]):
        (seeds / str(number)).write_bytes(seed)
    options = [f"-max_total_time={arguments.seconds}", "-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"]
    collected = rest or [str(seeds)]
    atheris.Setup(
        [sys.argv[0], *options, "-print_final_stats=1", *collected, str(seeds), str(KEPT)],
        fuzz_targets.TARGETS[arguments.target],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
