"""What extensions say that nobody knows, and what a row of the table keeps."""

import pytest

from onvif_bmff.errors import MediaError
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import SpanExtension, only_kind_in, ordinal_of


def test_objects_of_unknown_extensions_may_hold_anything():
    assert only_kind_in("xyz") is None
    assert ordinal_of("xyz") == 0


def test_a_row_keeps_kinds_of_its_own():
    kinds = {MediaKind.AUDIO}
    row = SpanExtension("xyz", "audio/xyz", kinds)
    kinds.add(MediaKind.VIDEO)
    assert row.media == {MediaKind.AUDIO}
    assert row.only_kind is MediaKind.AUDIO
    assert isinstance(hash(row), int)
    with pytest.raises(MediaError, match="hold no media"):
        SpanExtension("xyz", "audio/xyz", set())
