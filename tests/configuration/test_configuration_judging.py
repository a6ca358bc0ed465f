"""What a configuration file says, and all that is wrong with it."""

import pytest

from onvif_bmff.configuration import judge, sample_file

PASSWORD = "correct horse battery"
SAMPLE = sample_file("/srv/clip.mp4", PASSWORD)


def told(text):
    return [str(fault) for fault in judge(text).faults]


def line(text, part):
    return next(number for number, row in enumerate(text.splitlines(), 1) if part in row)


def test_the_sample_has_no_fault_and_its_password_is_in_no_text():
    found = judge(SAMPLE)
    assert found.faults == ()
    assert found.configuration is not None
    (user,) = found.configuration.users
    assert (user.username, user.level, user.password.reveal()) == ("admin", "Administrator", PASSWORD)
    assert found.has_secrets
    assert PASSWORD not in repr(found)


def test_all_faults_are_told_at_once_with_line_and_path():
    wrong = SAMPLE.replace('url = "recordings"', 'urll = "recordings"').replace('"PT5S"', '"5s"')
    wrong = wrong.replace('camera = "front"', 'camera = "frnt"')
    found = told(wrong)
    head = f"line {line(wrong, 'urll')}: storages[0].urll: there is no such key; did you mean 'url'?"
    assert head in found
    assert any(one.startswith(f"line {line(wrong, '5s')}: recordings[0].segment_duration: a duration") for one in found)
    assert any(
        one.endswith("jobs[0].sources[0].camera: [[cameras]] have no such name; did you mean 'front'?") for one in found
    )
    assert judge(wrong).configuration is None


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('file = "/srv/clip.mp4"', "", "either url or file is needed"),
        ('file = "/srv/clip.mp4"', 'url = "http://x/"', "an address begins with rtsp:// or rtsps://"),
        ('file = "/srv/clip.mp4"', f'url = "rtsp://u:{PASSWORD}@h/"', "do not stand in the address"),
        ('prefix = "site-1"', 'prefix = "a//b"', "must not hold empty"),
        ('token = "front-always"', 'token = "job_x"', "names that begin so"),
        ('storage = "disk"', 'storage = "dsk"', "did you mean 'disk'?"),
        (f'password = "{PASSWORD}"', 'password_env = "X"', "there are no variables here"),
        (f'password = "{PASSWORD}"', f'password = ["{PASSWORD}"]', "a text in quotes is needed"),
        ('level = "Administrator"', 'level = "Root"', "one of"),
        ("[ports]", '[ports]\nlisten = "x"', "HOST:PORT"),
        ("[limits]", "[limits]\nrecordings = 0", "at least 1"),
        ("[limits]", "[limits]\nrecordings = true", "a whole number is needed, and not true or false"),
    ],
)
def test_each_fault_is_one_line_without_a_secret(old, new, part):
    assert old in SAMPLE
    found = told(SAMPLE.replace(old, new, 1))
    assert any(part in one for one in found), found
    assert PASSWORD not in "".join(found)


def test_what_is_no_toml_has_its_line():
    assert told("a = 1\nb = = 2\n")[0].startswith("line 2: not TOML")
    assert told("x = " + "[" * 5000) != []


def test_what_is_only_tried_is_not_in_the_audit_log(caplog):
    caplog.set_level("INFO", "onvif_bmff.audit")
    assert judge(SAMPLE).faults == ()
    twice = SAMPLE + (
        '\n[[recordings]]\ntoken = "second"\nstorage = "disk"\nprefix = "site-1"\npostfix = "front"\n'
        'segment_duration = "PT5S"\n'
    )
    assert told(twice), "the service refuses two recordings at one place"
    assert caplog.records == []
