"""What extensions say that nobody knows."""

from onvif_bmff.objects.extensions import only_kind_in, ordinal_of


def test_objects_of_unknown_extensions_may_hold_anything():
    assert only_kind_in("xyz") is None
    assert ordinal_of("xyz") == 0
