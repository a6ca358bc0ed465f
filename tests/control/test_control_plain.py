"""Structures to plain data and back."""

import json
from datetime import timedelta

import pytest
from control_kit import KEY, entry
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.control import (
    BadConfiguration,
    Extensions,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingJobConfiguration,
    TrackConfiguration,
)
from onvif_bmff.control.operations.checks import check_types
from onvif_bmff.control.plain import from_plain, to_plain
from onvif_bmff.control.state import DeviceState
from onvif_bmff.errors import PersistenceError

structures = st.from_type(RecordingJobConfiguration) | st.from_type(TrackConfiguration)
lengths = st.timedeltas(min_value=timedelta(0))


@settings(max_examples=60, deadline=None)
@given(structures)
def test_what_is_written_is_read(value):
    data = json.loads(json.dumps(to_plain(value)))
    assert from_plain(type(value), data) == value


@settings(max_examples=60, deadline=None)
@given(lengths | st.just(timedelta.max))
def test_durations_are_exact(length):
    value = RecordingConfiguration(maximum_retention_time=length)
    assert from_plain(RecordingConfiguration, json.loads(json.dumps(to_plain(value)))) == value


def test_keys_are_never_written():
    with pytest.raises(PersistenceError) as caught:
        to_plain(entry())
    assert repr(KEY) not in str(caught.value)
    assert KEY.hex() not in repr(entry())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["token", "order", "configuration", "tracks", "target", "mode", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["recording", "job", "receiver", "purge", "x", ""]), json_values)
def test_damaged_documents_are_reported_as_such(kind, value):
    try:
        DeviceState.from_documents({f"{kind}/a": json.dumps(value)}, {})
    except PersistenceError:
        return
    pytest.fail("nothing so small is whole")


def test_text_that_is_no_json_is_reported():
    for text in ("", "{", "[" * 100_000, "nul"):
        with pytest.raises(PersistenceError, match="damaged"):
            DeviceState.from_documents({"job/a": text}, {})


def test_lists_have_an_end():
    extensions = Extensions(("<a/>",) * 10_001)
    with pytest.raises(BadConfiguration, match="too many"):
        check_types(extensions, Extensions, "x")
    with pytest.raises(TypeError, match="bytes"):
        check_types(RecordingEncryption("CENC", key="00"), RecordingEncryption, "x")
