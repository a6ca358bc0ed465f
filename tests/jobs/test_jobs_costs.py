"""The calculator of docs/scale.md: its arithmetic, and that the page has what it calculates."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "scale_costs.py"


@pytest.fixture(scope="module")
def costs():
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        spec = importlib.util.spec_from_file_location("scale_costs", SCRIPT)
        module = importlib.util.module_from_spec(spec)
        sys.modules["scale_costs"] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(SCRIPT.parent))


def test_the_page_has_what_is_calculated():
    done = subprocess.run([sys.executable, SCRIPT, "--page", "--check"], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_ten_thousand_cameras_and_a_year(costs):
    bucket = costs.Bucket()
    assert bucket.objects == 10_000 * 365 * (1440 + 1)
    assert bucket.gigabytes == pytest.approx(10_000 * 365 * 86_400 * 0.5 / 1000)


def test_figures_follow_from_rates_and_prices(costs):
    bucket = costs.Bucket(cameras=1, days=10, segment_seconds=60)
    rates = costs.Rates(cameras_a_core=2, objects_a_second=10, heads_a_second=100, list_milliseconds=3_600_000)
    prices = costs.Prices(put_a_thousand=1000, get_a_thousand=10, list_a_thousand=1000)
    rows = {row[0]: row[1:] for row in costs.table(bucket, rates, prices)}
    assert bucket.objects == 14_410
    assert rows["recorded: a PUT for each of 14,410 objects"] == ("14,410", "0 processors, always", "14,410")
    assert rows["listed once, one request after the other"] == ("15", "15 h of waiting", "15")
    assert rows["attributes of all: a HEAD each"] == ("14,410", "0", "144")
    assert rows["validated, all objects read"] == ("28,820", "0", "288")
    assert rows["timeline of a camera's day"][0] == "2"


def test_cmaf_has_an_object_for_each_track(costs):
    assert costs.Bucket(objects_a_segment=3).objects == 3 * costs.Bucket().objects


def test_the_program_takes_all_figures(costs):
    command = [sys.executable, SCRIPT, "--cameras", "100", "--days", "30", "--put-a-thousand", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "4.32 * 10^6 objects" in done.stdout
    assert subprocess.run([*command, "--days", "0"], capture_output=True).returncode == 2
