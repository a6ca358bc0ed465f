"""What a device writes to its disk: so many fsyncs an object, hardly more bytes than the objects have, no database."""

import pytest
from device_flash import SEGMENT, written

HOUR = 3600 / SEGMENT


@pytest.mark.parametrize(
    ("case", "objects", "fsyncs"),
    [
        ({"encrypted": True}, 2 * HOUR, 4),
        ({"labels": "attributes", "kind": "MP4"}, HOUR, 2),
        ({"spooled": True}, 2 * HOUR, 6),
    ],
    ids=["files", "attributes", "spool"],
)
def test_an_hour_of_a_camera_is_bounded(tmp_path, case, objects, fsyncs):
    found = written(tmp_path, seconds=180.0, **case)
    assert found.objects == pytest.approx(objects, rel=0.15)
    assert found.fsyncs <= found.objects * fsyncs
    assert found.bytes <= found.payload * 1.02
    assert found.changed_databases == 0
