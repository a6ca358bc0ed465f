"""No two recordings have one place, by no operation; what an earlier version let in is an error, and never a crash."""

import logging

import pytest
from control_kit import Clock, Nothing, automatic, job, profile, recording, resources, service, target
from hypothesis import given, settings
from hypothesis import strategies as st
from test_control_key_checks import from_old, old

from onvif_bmff.control import (
    PROFILE_26_06,
    BadConfiguration,
    Capabilities,
    FixedResources,
    MemoryPersistence,
    TrackConfiguration,
)
from onvif_bmff.engine.targets import TargetMaker
from onvif_bmff.errors import StateError
from onvif_bmff.objects.key import lead_of, leads_meet
from onvif_bmff.timing import UtcTime


class Located(FixedResources):
    """Storages that lie somewhere: by token, and for None the local data."""

    def __init__(self, places, **kwargs):
        super().__init__(storages={token for token in places if token is not None}, profiles={"prof1"}, **kwargs)
        self.places = places

    def storage_location(self, token):
        return self.places.get(token, f"nowhere:{token}")


def at(prefix="", postfix="", **more):
    return recording(target(prefix=prefix, postfix=postfix, **more))


SAME = [
    (at("cam"), at("cam")),
    (at(), at()),
    (at(None, None), at("", "")),
    (at("cam", "gate"), at("cam", "gate")),
    (at("cam", format="MP4"), at("cam", format="CMAF")),
    (at("cam", "2026-01-02"), at("cam/2026-01-03")),
    (at("a", "2026-01-02/b"), at("a/2026-01-03", "b")),
]
OTHER = [
    (at("cam"), at("Cam")),
    (at("cam"), at("cam/2026-01-02")),
    (at("cam"), at("", "cam")),
    (at("cam"), at("cam", "10")),
    (at("cam"), at("cam2")),
    (at("cam"), recording()),
]


@pytest.mark.requirement("REC-4.1.3-01")
@pytest.mark.parametrize(("first", "second"), SAME)
@pytest.mark.parametrize("turned", [False, True])
def test_a_place_is_given_once(first, second, turned):
    first, second = (second, first) if turned else (first, second)
    made = service()
    token = made.create_recording(first)
    before = made.snapshot()
    with pytest.raises(BadConfiguration, match=token):
        made.create_recording(second)
    other = made.create_recording(at("free"))
    with pytest.raises(BadConfiguration, match=token):
        made.set_recording_configuration(other, second)
    made.delete_recording(other)
    assert made.snapshot() == before
    made.set_recording_configuration(token, second)  # its own place may be written otherwise
    made.set_recording_configuration(token, at("elsewhere"))
    made.create_recording(first)


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_places_that_only_look_alike_are_taken(first, second):
    made = service()
    made.create_recording(first)
    made.create_recording(second)
    assert {plan.error for plan in made.device_side.plans().recordings.values()} == {None}


def test_a_deleted_recording_leaves_its_place():
    made = service()
    made.delete_recording(made.create_recording(at("cam")))
    made.create_recording(at("cam"))


def test_recordings_that_belong_to_the_device_are_looked_at_too():
    made = service()
    made.provisioning.provision_recording("own", at("cam"), {"VIDEO001": TrackConfiguration("Video")})
    made.provisioning.provision_recording("own", at("cam"), {"VIDEO001": TrackConfiguration("Video")})
    with pytest.raises(BadConfiguration):
        made.create_recording(at("cam"))
    with pytest.raises(BadConfiguration):
        made.provisioning.provision_recording("more", at("cam"), {"VIDEO001": TrackConfiguration("Video")})


@pytest.mark.parametrize(
    ("places", "first", "second", "same"),
    [
        ({"a": "s3://bucket", "b": "s3://bucket"}, ("a", "cam"), ("b", "cam"), True),
        ({"a": "s3://bucket/", "b": "s3://bucket"}, ("a", "cam"), ("b", "cam"), True),
        ({"a": "s3://bucket", "b": "s3://other"}, ("a", "cam"), ("b", "cam"), False),
        ({"a": "s3://bucket/x", "b": "s3://bucket"}, ("a", "cam"), ("b", "x/cam"), True),
        ({"a": "s3://bucket/x", "b": "s3://bucket"}, ("a", ""), ("b", "x"), True),
        ({"a": "s3://bucket/x", "b": "s3://bucket"}, ("a", "cam"), ("b", "xcam"), False),
        ({"a": "s3://bucket/x", "b": "s3://bucket"}, ("a", "cam"), ("b", "cam"), False),
    ],
)
def test_storages_that_are_one_or_lie_one_inside_the_other(places, first, second, same):
    made = service(resources=Located(places))
    made.create_recording(at(first[1], storage=first[0]))
    if same:
        with pytest.raises(BadConfiguration):
            made.create_recording(at(second[1], storage=second[0]))
    else:
        made.create_recording(at(second[1], storage=second[0]))


def test_without_locations_every_token_is_a_storage_of_its_own():
    made = service(resources=resources(storages={"a", "a/b", "b"}))
    for storage, prefix in (("a", "b/x"), ("a/b", "x"), ("b", "x")):
        made.create_recording(at(prefix, storage=storage))


def test_local_data_are_a_place_too():
    made = service(resources=Located({None: "file:///data/local", "a": "file:///data", "b": "file:///data/local"}))
    token = made.create_recording(recording())
    for storage, prefix in (
        ("a", f"local/{token}/VIDEO001"),
        ("a", "local"),
        ("a", "local/cam"),
        ("b", "cam"),
        ("b", ""),
    ):
        with pytest.raises(BadConfiguration, match="local data"):
            made.create_recording(at(prefix, storage=storage))
    made.create_recording(at("locals", storage="a"))
    made.create_recording(at("", storage="a"))


def test_a_target_that_is_not_used_takes_no_place():
    """StorageStrategy Local of 26.06; what changes it is looked at again."""
    offered = Capabilities(segment_export=True, onboard_storage=True)
    made = service(profile=PROFILE_26_06, capabilities=offered, segments=Nothing(), segment_exporter=Nothing())
    made.create_recording(at("cam"))
    token = made.create_recording(at("cam", storage_strategy="Local"))
    for strategy in ("Both", "External", None):
        with pytest.raises(BadConfiguration):
            made.set_recording_configuration(token, at("cam", storage_strategy=strategy))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "inside"]),
            st.lists(st.sampled_from(["cam", "2026-01-02", "inside"]), max_size=2).map("/".join),
            st.lists(st.sampled_from(["cam", "2026-01-03"]), max_size=2).map("/".join),
        ),
        max_size=8,
    )
)
def test_what_is_accepted_has_places_of_its_own(wanted):
    """Whatever is asked for, and in whatever order: no two recordings share keys, and nothing else is refused."""
    locations = {"one": "s3://b", "two": "s3://b", "inside": "s3://b/inside"}
    made = service(resources=Located(locations))
    leads = []
    for storage, prefix, postfix in wanted:
        path = "/".join(part for part in (locations[storage], prefix) if part)
        lead = lead_of(path, postfix)
        if any(leads_meet(lead, other) for other in leads):
            with pytest.raises(BadConfiguration):
                made.create_recording(at(prefix, postfix, storage=storage))
        else:
            made.create_recording(at(prefix, postfix, storage=storage))
            leads.append(lead)


# ---- what an earlier version let in ------------------------------------------------------------------------


def errors(made):
    """Job token -> state and error of its first track."""
    found = {}
    for item in made.get_recording_jobs():
        state = made.get_recording_job_state(item.job_token)
        found[item.job_token] = (str(state.state), state.sources[0].tracks[0].error)
    return found


@pytest.mark.requirement("REC-4.1.3-01")
def test_a_database_of_333ccfc_with_recordings_of_one_place_loads_them_as_errors(tmp_path, caplog):
    """Of each place the recording whose job became active first goes on; the others are in Error, and told."""
    with caplog.at_level(logging.ERROR, "onvif_bmff.control.upkeep"):
        made = from_old(old("places", tmp_path))
    first, second, elsewhere, dated, other, alone = [item.recording_token for item in made.get_recordings()]
    jobs = [item.job_token for item in made.get_recording_jobs()]
    plans = made.device_side.plans().recordings
    blocked = {token: plan.error for token, plan in plans.items() if plan.error}
    assert blocked == {
        second: f"Its storage, prefix and postfix are those of recording {first}; give it others",
        other: f"Its storage, prefix and postfix are those of recording {dated}; give it others",
    }
    assert [errors(made)[one] for one in jobs] == [
        ("Active", None),
        ("Error", blocked[second]),
        ("Active", None),
        ("Active", None),
        ("Error", blocked[other]),
        ("Active", None),
    ]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all(first in told[0] and second in told[0] for _ in "x")
    maker = TargetMaker({}.__getitem__, clock=lambda: UtcTime(0))
    with pytest.raises(StateError, match="give it others"):
        maker.outputs(plans[second])
    assert maker.outputs(plans[first])

    # All can be put right: by another place, by deleting the other one, by its job being idle.
    made.take_notifications()
    source = made.get_recording_configuration(second)
    with pytest.raises(BadConfiguration):
        made.set_recording_configuration(second, source)
    made.set_recording_configuration(second, at("new"))
    assert errors(made)[jobs[1]] == ("Active", None)
    states = [(n.recording_job_token, str(n.state)) for n in made.take_notifications() if "JobState" in n.topic]
    assert (jobs[1], "Active") in states
    made.set_recording_job_mode(jobs[3], "Idle")
    assert errors(made)[jobs[4]] == ("Active", None)
    made.set_recording_job_mode(jobs[3], "Active")
    assert errors(made)[jobs[3]][0] == "Error", "the other one has the place now"
    assert errors(made)[jobs[4]] == ("Active", None)
    made.delete_recording(other)
    assert errors(made)[jobs[3]] == ("Active", None)
    assert errors(made)[jobs[2]] == errors(made)[jobs[5]] == ("Active", None)
    assert elsewhere != alone
    assert {plan.error for plan in made.device_side.plans().recordings.values()} == {None}
    made.close()


def test_storages_that_become_one_stop_all_but_one():
    """By a change of a storage configuration, which is no operation of this service."""
    places = {"a": "s3://one", "b": "s3://two", None: "file:///local"}
    made = service(resources=Located(places))
    first, second = made.create_recording(at("cam", storage="a")), made.create_recording(at("cam", storage="b"))
    for token in (second, first):
        made.create_recording_job(job(token, profile("VIDEO001")))
    places["b"] = places["a"]
    found = {token: plan.error for token, plan in made.device_side.plans().recordings.items()}
    assert found[second] is None, "its job was there first"
    assert second in found[first]
    places["b"] = "file:///local/x"
    assert "local data" in made.device_side.plans().recordings[second].error
    places["b"] = "s3://two"
    assert {plan.error for plan in made.device_side.plans().recordings.values()} == {None}


def test_a_recording_in_local_data_loads_as_an_error():
    persistence, places = MemoryPersistence(), {"a": "s3://one", None: "file:///local"}
    made = service(persistence=persistence, resources=Located(places))
    token = made.create_recording(at("cam", storage="a"))
    made.create_recording_job(job(token, automatic("VIDEO001")))
    places["a"] = "file:///local"
    made = service(persistence=persistence, resources=Located(places), clock=Clock())
    assert {state for state, _ in errors(made).values()} == {"Error"}
    made.set_recording_configuration(token, recording())
    assert {state for state, _ in errors(made).values()} == {"Active"}
