"""Stores by their path or URL, with options, variables and profiles."""

import json
import pickle
import subprocess
import sys

import pytest
from storage_kit import REPOSITORY, add
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.errors import OnvifBmffError, StoreError
from onvif_bmff.storage import CloudStore, DirectoryStore, MemoryStore, StoreUrl, open_store, parse_location
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3
from onvif_bmff.storage.cloud_settings import read_options, settings_for

SECRET = "SECRETthatNobodySees"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s3://bucket", StoreUrl("s3", "bucket")),
        ("s3://bucket/", StoreUrl("s3", "bucket")),
        ("s3://bucket/a/b c/", StoreUrl("s3", "bucket", "a/b c")),
        ("az://container/ä", StoreUrl("az", "container", "ä")),
        ("gs://b.u_c-ket/x", StoreUrl("gs", "b.u_c-ket", "x")),
        ("memory:", StoreUrl("memory")),
        ("file:/srv/a%20b", "/srv/a b"),
        ("file:///srv/a", "/srv/a"),
        ("file://localhost/srv/a", "/srv/a"),
        ("a/b", "a/b"),
        ("./s3:", "./s3:"),
    ],
)
def test_locations(text, found):
    assert parse_location(text) == found
    if isinstance(found, StoreUrl):
        assert parse_location(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "http://host/bucket", "https://host/bucket", "S3://bucket", "s3a://bucket", "s3:bucket", "s3://", "s3:///x",
        "s3://b//x", "s3://bucket/a/../b", "s3://bucket/a\nb", "s3://b", f"s3://key:{SECRET}@bucket/x", "file://host/x",
        f"az://container/x?sig={SECRET}", f"redis://:{SECRET}@host", "abfs://c@a/x", "memory:x", "file:/a%00b",
    ],
)  # fmt: skip
def test_what_is_no_store_is_refused_and_not_repeated(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as error:
        open_store(text)
    assert SECRET not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_local_stores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = open_store("recordings")
    assert isinstance(made, DirectoryStore)
    add(made, "a/b")
    assert list(open_store(f"file://{tmp_path}/recordings", create=False).keys()) == ["a/b"]
    assert isinstance(open_store(tmp_path / "recordings"), DirectoryStore)
    assert isinstance(open_store("memory:"), MemoryStore)
    with pytest.raises(StoreError, match="no such directory"):
        open_store("missing", create=False)
    for place in ("recordings", "memory:"):
        with pytest.raises(StoreError, match="only stores in the cloud"):
            open_store(place, options={"region": "x"})


def test_nothing_of_the_cloud_is_loaded_for_other_stores(tmp_path):
    code = (
        "import sys, onvif_bmff.storage as s\n"
        "from onvif_bmff.cli.main import main\n"
        "for name in s.__all__: getattr(s, name)\n"
        f"s.open_store({str(tmp_path / 'x')!r}); s.open_store('memory:')\n"
        f"assert main(['timeline', {str(tmp_path / 'x')!r}, '--allow-empty']) == 0\n"
        "assert not [name for name in sys.modules if name.startswith('obstore')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_the_extra_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StoreError, match=r"onvif-bmff\[cloud\]"):
        open_store("s3://bucket")


# ---- settings --------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = DS\n"
        "[other]\naws_access_key_id = O\naws_secret_access_key = OS\naws_session_token = OT\n"
    )
    (folder / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile other]\nregion = eu-north-1\nendpoint_url = https://s3.example\n"
        "[profile sso]\nsso_start_url = https://x.example\n"
    )
    return {"HOME": str(tmp_path)}


def test_options_go_before_variables_and_these_before_profiles(home):
    variables = {**home, "AWS_ACCESS_KEY_ID": "V", "AWS_SECRET_ACCESS_KEY": "VS", "AWS_SESSION_TOKEN": "VT"}
    own = {"access_key_id": "A", "secret_access_key": "AS"}
    given = settings_for(S3, {**own, "region": "x"}, variables)
    assert given.credentials == own, "and no token of other credentials"
    assert given.config["region"] == "x"
    by_variables = settings_for(S3, {}, variables)
    assert by_variables.credentials == {"access_key_id": "V", "secret_access_key": "VS", "session_token": "VT"}
    by_profile = settings_for(S3, {}, home)
    assert by_profile.credentials == {"access_key_id": "D", "secret_access_key": "DS"}
    assert by_profile.config["region"] == "eu-west-1"
    other = settings_for(S3, {}, {**home, "AWS_PROFILE": "other"})
    assert other.credentials == {"access_key_id": "O", "secret_access_key": "OS", "session_token": "OT"}
    assert other.config["endpoint"] == other.config["aws_endpoint_url_s3"] == "https://s3.example"
    asked = settings_for(S3, {"profile": "other"}, variables)
    assert asked.credentials == other.credentials
    assert settings_for(S3, {}, {**home, "AWS_WEB_IDENTITY_TOKEN_FILE": "x"}).credentials is None
    assert settings_for(S3, {}, {"HOME": "/nowhere"}).credentials is None


@pytest.mark.parametrize(("profile", "text"), [("none", "no such profile"), ("sso", "no keys of its own")])
def test_profiles_that_cannot_be_used(home, profile, text):
    with pytest.raises(StoreError, match=text):
        settings_for(S3, {"profile": profile}, home)


def test_variables_of_azure_and_google():
    connection = f"DefaultEndpointsProtocol=https;AccountName=me;AccountKey={SECRET}==;EndpointSuffix=core.windows.net"
    found = settings_for(AZURE, {}, {"AZURE_STORAGE_CONNECTION_STRING": connection})
    assert dict(found.config) == {"account_name": "me", "account_key": f"{SECRET}=="}
    found = settings_for(AZURE, {"account": "you"}, {"AZURE_STORAGE_ACCOUNT": "me", "AZURE_STORAGE_KEY": "k"})
    assert dict(found.config) == {"account_name": "you", "account_key": "k"}
    found = settings_for(GCS, {}, {"STORAGE_EMULATOR_HOST": "localhost:9000"})
    assert dict(found.config) == {"base_url": "http://localhost:9000", "bearer_token": "emulator"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"acces_key": SECRET}, "no option 'acces_key'; there are access_key_id"),
        ({"account": "x"}, "no option"),
        ({"access_key_id": SECRET}, "go together"),
        ({"endpoint": "http://s3.example"}, "not encrypted"),
        ({"endpoint": "http://10.0.0.7:9000"}, "not encrypted"),
        ({"endpoint": f"https://user:{SECRET}@host"}, "without user and password"),
        ({"endpoint": "ftp://host"}, "begins with https"),
        ({"endpoint": "https://[::1"}, "no URL"),
        ({"timeout": "x"}, "timeout is a number"),
        ({"tasks": 0}, "tasks is a number"),
        ({"region": ["x"]}, "region is a text"),
        ({"tags": "a=b"}, "tags is a table"),
        ({"root_certificate": "/nowhere"}, "No such file"),
    ],
)
def test_wrong_options(options, text):
    with pytest.raises(StoreError, match=text) as error:
        settings_for(S3, options, {"HOME": "/nowhere"})
    assert SECRET not in str(error.value)


def test_what_is_not_encrypted_stays_on_this_machine():
    for endpoint in ("http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"):
        assert settings_for(S3, {"endpoint": endpoint}, {"HOME": "/nowhere"}).client["allow_http"] is True
    found = settings_for(S3, {"endpoint": "http://nas", "allow_http": True}, {"HOME": "/nowhere"})
    assert found.client["allow_http"] is True
    found = settings_for(S3, {"endpoint": "https://nas"}, {"HOME": "/nowhere"})
    assert (found.client["allow_http"], found.client["allow_invalid_certificates"]) == (False, False)


def test_files_of_options(tmp_path):
    file = tmp_path / "options.toml"
    file.write_text('endpoint = "https://x"\ntimeout = 7\n[tags]\na = "b"\n')
    assert read_options(file) == {"endpoint": "https://x", "timeout": 7, "tags": {"a": "b"}}
    file.write_text(f"secret_access_key = {SECRET}")
    with pytest.raises(StoreError, match="no TOML") as error:
        read_options(file)
    assert SECRET not in str(error.value)
    with pytest.raises(StoreError, match="No such file"):
        read_options(tmp_path / "missing")


# ---- stores in the cloud ---------------------------------------------------------------------------------


@pytest.fixture
def server():
    need_module("obstore")
    with FakeServer() as running:
        yield running


def test_a_prefix_is_a_store_of_its_own(server):
    inside, whole = (open_store(url, options=server.options()) for url in ("s3://bucket/a/b", "s3://bucket"))
    assert isinstance(inside, CloudStore)
    for key in ("k", "a/b/c"):
        add(inside, key)
    add(whole, "a/bc")
    assert list(inside.keys()) == ["a/b/c", "k"]
    assert list(inside.keys("a/", after="a/b")) == ["a/b/c"]
    assert list(whole.keys()) == ["a/b/a/b/c", "a/b/k", "a/bc"]
    assert inside.head("k").key == "k"
    assert inside.location.startswith(whole.location + "/")
    assert repr(inside) == "CloudStore('s3://bucket/a/b')"
    with pytest.raises(OnvifBmffError, match="1024 bytes"):
        inside.get("x" * 1024)


def test_options_of_new_objects_are_sent(server):
    options = server.options(storage_class="GLACIER_IR", tags={"a": "b c"}, kms_key_id="arn:1", unsigned_payload=True)
    add(open_store("s3://bucket", options=options), "k")
    at = [method for method, _ in server.bucket.requests].index("PUT")
    sent = {name.lower(): value for name, value in server.bucket.headers[at].items()}
    assert sent["x-amz-storage-class"] == "GLACIER_IR"
    assert sent["x-amz-tagging"] in ("a=b+c", "a=b%20c")
    assert sent["x-amz-server-side-encryption"] == "aws:kms"
    assert sent["x-amz-server-side-encryption-aws-kms-key-id"] == "arn:1"
    assert sent["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert sent["if-none-match"] == "*"


def test_credentials_are_nowhere_to_be_seen(server, caplog):
    caplog.set_level(0)
    store = open_store("s3://bucket", options=server.options(secret_access_key=SECRET, session_token=SECRET))
    add(store, "k")
    shown = [repr(store), repr(store._client), repr(vars(store)), repr(vars(store._client)), repr(store._client._store)]
    for one in (store, store._client._store):
        with pytest.raises(Exception) as error:  # noqa: PT011 - of any kind
            pickle.dumps(one)
        shown.append(str(error.value))
    shown.append(repr(store._client._store.config))
    assert SECRET not in json.dumps(shown) + caplog.text
    with pytest.raises(StoreError) as error:
        open_store("az://bucket", options={"account": "a", "sas_token": f"sv=1&sig={SECRET}", "retry_seconds": 0.1,
                   "endpoint": "http://127.0.0.1:9"}, create=False)  # fmt: skip
    assert SECRET not in f"{error.value!r} {error.value} {error.value.__cause__} {error.value.__context__}"


def test_a_missing_bucket_is_told_when_a_store_is_opened_to_be_read(server, monkeypatch):
    monkeypatch.setattr(server.bucket, "next_fault", lambda method: None)
    from support_fake_bucket import Handler

    monkeypatch.setattr(Handler, "_list", lambda *a: (404, b"<Error><Code>NoSuchBucket</Code></Error>", {}))
    with pytest.raises(StoreError, match="no such bucket"):
        open_store("s3://bucket", options=server.options(), create=False)


FORKED = """
import os, sys
from onvif_bmff.errors import StateError
from onvif_bmff.storage import open_store
url, options = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2]))
store = open_store(url, options=options)
list(store.keys())
child = os.fork()
if not child:
    said = []
    for call in (lambda: store.get("k"), lambda: list(store.keys()), lambda: open_store(url, options=options)):
        try:
            call()
        except StateError as error:
            said.append("forked" in str(error))
    os._exit(0 if said == [True] * 3 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_is_refused_at_once(server):
    words = [str(word) for pair in server.options().items() if pair[0] != "timeout" for word in pair]
    done = subprocess.run(
        [sys.executable, "-c", FORKED, "s3://bucket", *words],
        cwd=REPOSITORY,
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
