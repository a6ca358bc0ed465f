import pytest

from onvif_bmff.cenc.scheme import NAL_PATTERN, NO_PATTERN, Pattern, ProtectionScheme
from onvif_bmff.errors import UnsupportedSchemeError


@pytest.mark.parametrize(("mode", "fourcc"), [("CENC", "cenc"), ("CBCS", "cbcs")])
def test_modes_and_schemes(mode, fourcc):
    scheme = ProtectionScheme.from_mode(mode)
    assert scheme.fourcc == fourcc
    assert scheme.mode == mode
    assert ProtectionScheme.from_fourcc(fourcc) is scheme


@pytest.mark.parametrize("mode", ["", "cenc", "CENS", "CBC1", "AES"])
def test_modes_that_onvif_does_not_have(mode):
    with pytest.raises(UnsupportedSchemeError):
        ProtectionScheme.from_mode(mode)


@pytest.mark.parametrize("fourcc", ["", "CENC", "oeff", "piff", "\xff\xff\xff\xff"])
def test_unknown_schemes(fourcc):
    with pytest.raises(UnsupportedSchemeError):
        ProtectionScheme.from_fourcc(fourcc)


def test_what_is_written():
    cenc, cbcs = ProtectionScheme.CENC, ProtectionScheme.CBCS
    assert (cenc.tenc_version, cenc.per_sample_iv_size, cenc.constant_iv_size, cenc.chained) == (0, 8, 0, False)
    assert (cbcs.tenc_version, cbcs.per_sample_iv_size, cbcs.constant_iv_size, cbcs.chained) == (1, 0, 16, True)
    assert cenc.pattern(nal_video=True) == cenc.pattern(nal_video=False) == NO_PATTERN
    assert cbcs.pattern(nal_video=True) == NAL_PATTERN == Pattern(1, 9)
    assert cbcs.pattern(nal_video=False) == NO_PATTERN == (0, 0)


@pytest.mark.parametrize("scheme", [ProtectionScheme.CENS, ProtectionScheme.CBC1])
def test_what_is_only_read(scheme):
    assert scheme.mode is None
    assert scheme.tenc_version == (1 if scheme is ProtectionScheme.CENS else 0)
    assert scheme.chained == (scheme is ProtectionScheme.CBC1)
    for ask in (
        lambda: scheme.per_sample_iv_size,
        lambda: scheme.constant_iv_size,
        lambda: scheme.pattern(nal_video=True),
    ):
        with pytest.raises(UnsupportedSchemeError, match="never written"):
            ask()
