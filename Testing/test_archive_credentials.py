"""Where an archive's credentials come from, where they may go, and what never shows them."""

import logging
import traceback
from typing import ClassVar

import pytest

from SegQCLib.archive.archive_url import archive_url
from SegQCLib.archive.credentials import Credentials, find_credentials, keyring_service
from SegQCLib.errors import BadDataError

SECURE = archive_url("https://pacs.example.org:8443/dicom-web/")


@pytest.fixture(autouse=True)
def _no_keyring_of_this_computer(monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def test_a_url_is_known_by_its_origin():
    assert SECURE.base == "https://pacs.example.org:8443/dicom-web"
    assert SECURE.origin == "https://pacs.example.org:8443"
    assert SECURE.encrypted
    assert not SECURE.loopback
    assert all(archive_url(f"http://{host}/x").loopback for host in ("localhost", "127.0.0.1", "127.8.9.1:8042", "[::1]:8042"))
    assert not any(archive_url(f"http://{host}/x").loopback for host in ("127.0.0.1.example.org", "10.0.0.1", "local"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://reader:hunter2@pacs.example.org/x", "holds credentials"),
        ("https://reader:hunter2/1@pacs.example.org/x", "holds credentials"),
        ("https://hunter2@pacs.example.org/x", "holds credentials"),
        ("https://pacs.example.org/x?token=hunter2", "goes on after a question mark"),
        ("pacs.example.org/hunter2", "does not begin with https://"),
        ("ftp://pacs.example.org/hunter2", "does not begin with https://"),
        ("https://", "does not begin with https://"),
        ("https://pacs.example.org:hunter2/x", "is not a URL"),
    ],
)
def test_urls_that_cannot_be_used_are_refused_without_being_repeated(text, words):
    with pytest.raises(BadDataError, match=words) as caught:
        archive_url(text)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_environment_gives_a_token_or_a_user_with_a_password():
    assert find_credentials(SECURE, {}) is None
    assert find_credentials(SECURE, {"SEGQC_DICOMWEB_TOKEN": "abc"}).header() == "Bearer abc"
    # RFC 7617, section 2 and, for UTF-8, 2.1.
    aladdin = {"SEGQC_DICOMWEB_USER": "Aladdin", "SEGQC_DICOMWEB_PASSWORD": "open sesame"}
    assert find_credentials(SECURE, aladdin).header() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert find_credentials(SECURE, {"SEGQC_DICOMWEB_USER": "test", "SEGQC_DICOMWEB_PASSWORD": "123£"}).header() == (
        "Basic dGVzdDoxMjPCow=="
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TOKEN": "hunter2", "USER": "reader", "PASSWORD": "hunter2"}, "has both SEGQC_DICOMWEB_TOKEN and"),
        ({"PASSWORD": "hunter2"}, "but not SEGQC_DICOMWEB_USER"),
        ({"USER": "reader"}, "but not SEGQC_DICOMWEB_PASSWORD"),
        ({"TOKEN": "hunter2\r\nX-Other: 1"}, "control character"),
        ({"TOKEN": "hunter2ü"}, "no bearer token has"),
        ({"USER": "a:b", "PASSWORD": "hunter2"}, "has a colon"),
    ],
)
def test_environments_that_contradict_themselves_are_refused_without_showing_the_secret(environment, words):
    with pytest.raises(BadDataError, match=words) as caught:
        find_credentials(SECURE, {f"SEGQC_DICOMWEB_{name}": value for name, value in environment.items()})
    assert "hunter2" not in str(caught.value)


def test_credentials_leave_this_computer_only_encrypted():
    token = {"SEGQC_DICOMWEB_TOKEN": "hunter2"}
    with pytest.raises(BadDataError, match=r"http://pacs\.example\.org: is not encrypted"):
        find_credentials(archive_url("http://pacs.example.org/x"), token)
    assert find_credentials(archive_url("http://pacs.example.org/x"), {}) is None
    assert find_credentials(archive_url("http://localhost:8042/x"), token) is not None


def test_credentials_do_not_show_themselves(caplog):
    credentials = Credentials("reader", "hunter2/ö")
    caplog.set_level(logging.DEBUG)
    logging.getLogger(__name__).debug("%s %r %s", credentials, credentials, [credentials])
    assert "hunter2" not in caplog.text
    said = f"{credentials.header()} and hunter2/ö and hunter2/%C3%B6 and hunter2%2F%C3%B6"
    assert credentials.hidden_in(said) == "Basic *** and *** and *** and ***"


def test_the_keyring_is_asked_for_the_archive_s_origin(monkeypatch):
    keyring = pytest.importorskip("keyring", reason="the package keyring is not installed: credentials of a keyring are not tested")
    from keyring.backend import KeyringBackend
    from keyring.credentials import SimpleCredential
    from keyring.errors import NoKeyringError

    class InMemory(KeyringBackend):
        priority = 1
        kept: ClassVar[dict] = {("segqc https://pacs.example.org:8443", "reader"): "hunter2"}

        def get_password(self, service, username):
            return self.kept.get((service, username))

        def get_credential(self, service, username):
            for (kept_service, user), password in self.kept.items():
                if kept_service == service and username in (None, user):
                    return SimpleCredential(user, password)
            return None

        def set_password(self, service, username, password):
            self.kept = {(service, username): password}

    before = keyring.get_keyring()
    memory = InMemory()
    keyring.set_keyring(memory)
    try:
        assert keyring_service(SECURE) == "segqc https://pacs.example.org:8443"
        found = find_credentials(SECURE, {})
        assert (found.user, found.secret) == ("reader", "hunter2")
        assert find_credentials(archive_url("https://pacs.example.org/x"), {}) is None
        keyring.set_password(keyring_service(SECURE), "token", "abc")
        assert find_credentials(SECURE, {}).header() == "Bearer abc"
        # As the keyring of macOS: without a user's name it finds nothing.
        monkeypatch.setattr(InMemory, "get_credential", KeyringBackend.get_credential)
        assert find_credentials(SECURE, {}).header() == "Bearer abc"

        def locked(service, username):
            raise NoKeyringError

        monkeypatch.setattr(memory, "get_credential", locked)
        assert find_credentials(SECURE, {}) is None
    finally:
        keyring.set_keyring(before)
