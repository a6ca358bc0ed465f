"""What follows from a codec alone: kept for codecs with a hash, worked out each time for those without."""

import pytest

from onvif_bmff.recording import per_codec


class WithoutHash:
    __hash__ = None


@pytest.mark.parametrize(("codec", "times"), [("codec", 1), (WithoutHash(), 3)])
def test_results_are_kept_for_codecs_with_a_hash(codec, times):
    calls = []

    @per_codec
    def described(codec, number):
        calls.append(number)
        return number + 1

    assert [described(codec, 1) for _ in range(3)] == [2, 2, 2]
    assert len(calls) == times


@pytest.mark.parametrize("codec", ["codec", WithoutHash()])
def test_a_function_that_raises_type_error_runs_once(codec):
    calls = []

    @per_codec
    def described(codec):
        calls.append(codec)
        raise TypeError("the function's own")

    with pytest.raises(TypeError, match="the function's own"):
        described(codec)
    assert len(calls) == 1
