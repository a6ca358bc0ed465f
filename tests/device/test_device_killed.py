"""Devices that are killed at random moments: what was acknowledged stays, what was open is recovered."""

from device_killing import kill_many


def test_a_killed_device_loses_nothing_that_it_acknowledged(tmp_path):
    found = kill_many(6, tmp_path)
    assert found["operations"] > 20
    assert found["left_open"] > 0, "otherwise nothing had to be recovered"
