"""Many recordings at once; the long run is ``device_crowd.py``."""

from device_crowd import crowd


def test_many_recordings_at_once_lose_nothing_to_the_stores_of_others(tmp_path):
    found = crowd(10, 24, 4.0, tmp_path, segment=4)
    assert found["segments"] >= 8 * 2 * 5
