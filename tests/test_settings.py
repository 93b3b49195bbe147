"""Laws of the settings: where they come from, what is refused, and that no message tells a secret."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.errors import ConfigError
from gateway.lines import Line
from gateway.settings import Settings, check_backends, load_settings, unknown_variables, variables

README = (Path(__file__).parents[1] / "config" / "README.md").read_text(encoding="utf-8")
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test without the settings of whoever runs it."""
    for name in os.environ:
        if name.upper() in variables():
            monkeypatch.delenv(name)


def env_file(directory: Path, *rows: str) -> Path:
    """Write an environment file."""
    file = directory / "settings.env"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


def from_rows(directory: Path, *rows: str) -> Settings:
    """Load settings from an environment that holds *rows*."""
    return load_settings(env_file(directory, *rows))


def refusal(directory: Path, *rows: str) -> str:
    """Return what is said against *rows*."""
    with pytest.raises(ConfigError) as caught:
        from_rows(directory, *rows)
    return str(caught.value)


def test_without_an_environment_the_gateway_keeps_to_itself() -> None:
    """
    Nothing has to be set to try it, and nothing is open to others until someone says so.
    """
    settings = load_settings(None)
    assert (settings.host, settings.port, settings.config) == ("127.0.0.1", 8080, Path("config"))
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.realtime_url == "wss://api.openai.com/v1/realtime"
    assert settings.twilio_api_url == "https://api.twilio.com"
    assert (settings.twilio_auth_token, settings.openai_api_key) == (None, None)
    assert (settings.log_level, settings.log_format) == ("info", "text")
    settings.check_exposure()


def test_every_variable_is_read(tmp_path: Path) -> None:
    """
    Each documented variable reaches its setting; levels and formats are read in any case.
    """
    settings = from_rows(
        tmp_path,
        "GATEWAY_HOST=0.0.0.0",
        "GATEWAY_PORT=9000",
        "GATEWAY_PUBLIC_URL=https://voice.example.com/phone/",
        "GATEWAY_CONFIG=/etc/gateway",
        f"GATEWAY_TWILIO_AUTH_TOKEN={TOKEN}",
        "GATEWAY_TWILIO_API_URL=https://api.dublin.ie1.twilio.com/",
        "GATEWAY_REALTIME_URL=ws://127.0.0.1:1/v1",
        "OPENAI_API_KEY=sk-test",
        "OPENAI_WEBHOOK_SECRET=whsec_c2VjcmV0",
        "GATEWAY_OPENAI_API_URL=http://127.0.0.1:2/v1/",
        "GATEWAY_STATE=/var/lib/gateway",
        "GATEWAY_LOG_LEVEL=WARNING",
        "GATEWAY_LOG_FORMAT=Json",
        "UNRELATED=1",
    )
    assert (settings.host, settings.port, settings.config) == ("0.0.0.0", 9000, Path("/etc/gateway"))
    assert settings.base_url == "https://voice.example.com/phone"
    assert settings.realtime_url == "ws://127.0.0.1:1/v1"
    assert settings.twilio_auth_token is not None
    assert settings.twilio_auth_token.get_secret_value() == TOKEN
    assert settings.twilio_api_url == "https://api.dublin.ie1.twilio.com"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-test"
    assert settings.openai_webhook_secret is not None
    assert settings.openai_webhook_secret.get_secret_value() == "whsec_c2VjcmV0"
    assert (settings.openai_api_url, settings.state) == ("http://127.0.0.1:2/v1", Path("/var/lib/gateway"))
    assert (settings.log_level, settings.log_format) == ("warning", "json")


def test_overrides_go_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The nearer source wins, and `GATEWAY_PORT` is nearer than the `PORT` that hosts hand out.
    """
    file = env_file(tmp_path, "GATEWAY_HOST=localhost", "PORT=1", "GATEWAY_LOG_LEVEL=debug")
    assert load_settings(file).port == 1
    monkeypatch.setenv("PORT", "2")
    assert load_settings(file).port == 2
    monkeypatch.setenv("GATEWAY_PORT", "3")
    assert load_settings(file).port == 3
    settings = load_settings(file, port=4, openai_api_key="sk-test")
    assert (settings.port, settings.host, settings.log_level) == (4, "localhost", "debug")
    assert settings.openai_api_key is not None


def test_empty_is_not_set(tmp_path: Path) -> None:
    """
    A template with blanks is as good as no template.
    """
    rows = [f"{name}=" for name in variables()]
    assert from_rows(tmp_path, *rows) == load_settings(None)


def test_a_key_that_is_blank_is_none_and_others_are_trimmed() -> None:
    """
    White space around a key never reaches a header.
    """
    assert load_settings(None, openai_api_key=" ").openai_api_key is None
    key = load_settings(None, openai_api_key="sk-test\n").openai_api_key
    assert key is not None
    assert key.get_secret_value() == "sk-test"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("GATEWAY_PORT=http", "GATEWAY_PORT or PORT: `http` .* from 0 to 65535"),
        ("PORT=70000", "GATEWAY_PORT or PORT: 70000 is more than 65535"),
        ("GATEWAY_PUBLIC_URL=voice.example.com", "GATEWAY_PUBLIC_URL: `voice.example.com` .*https://host"),
        ("GATEWAY_PUBLIC_URL=wss://voice.example.com", "GATEWAY_PUBLIC_URL: `wss://.*https://host"),
        ("GATEWAY_PUBLIC_URL=https://voice.example.com/?a=b", "GATEWAY_PUBLIC_URL: .*remove it"),
        ("GATEWAY_TWILIO_API_URL=api.twilio.com", "GATEWAY_TWILIO_API_URL: `api.twilio.com` .*https://host"),
        ("GATEWAY_TWILIO_API_URL=wss://api.twilio.com", "GATEWAY_TWILIO_API_URL: `wss://.*https://host"),
        ("GATEWAY_TWILIO_API_URL=https://api.twilio.com#a", "GATEWAY_TWILIO_API_URL: .*remove it"),
        ("GATEWAY_REALTIME_URL=ftp://x", "GATEWAY_REALTIME_URL: `ftp://x` .*wss://host"),
        ("GATEWAY_LOG_LEVEL=loud", "GATEWAY_LOG_LEVEL: `loud` .*debug, info, warning or error"),
        ("GATEWAY_LOG_FORMAT=xml", "GATEWAY_LOG_FORMAT: `xml` .*text or json"),
    ],
)
def test_a_refusal_names_the_variable_and_what_was_expected(tmp_path: Path, row: str, said: str) -> None:
    """
    Whoever set the variable can find it, and learns what to write; nothing else is said.
    """
    assert re.fullmatch(said + ".*", refusal(tmp_path, row))


def test_all_refusals_are_said_at_once(tmp_path: Path) -> None:
    """
    Three mistakes are three lines of one message.
    """
    said = refusal(tmp_path, "PORT=x", "GATEWAY_LOG_LEVEL=loud", "GATEWAY_PUBLIC_URL=x")
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "GATEWAY_PORT or PORT",
        "GATEWAY_PUBLIC_URL",
        "GATEWAY_LOG_LEVEL",
    ]


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """
    Neither printing the settings nor refusing them tells what is secret.
    """
    secrets = (f"GATEWAY_TWILIO_AUTH_TOKEN={TOKEN}", "OPENAI_API_KEY=sk-hunter2")
    settings = from_rows(tmp_path, *secrets)
    urls = (
        "GATEWAY_PUBLIC_URL=https://joe:hunter2@x",
        "GATEWAY_TWILIO_API_URL=https://AC0:hunter2@x",
        "GATEWAY_REALTIME_URL=ftp://x?api-key=hunter2",
    )
    said = repr(settings) + str(settings.model_dump()) + refusal(tmp_path, *secrets, *urls)
    assert TOKEN not in said
    assert "hunter2" not in said


def test_an_environment_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    """
    Only the default file may be absent; one that is named must exist and be text.
    """
    with pytest.raises(ConfigError, match=r"none\.env: no such file"):
        load_settings(tmp_path / "none.env")
    file = tmp_path / "latin.env"
    file.write_bytes(b"GATEWAY_HOST=\xe9")
    with pytest.raises(ConfigError, match=r"latin\.env: cannot be read as UTF-8"):
        load_settings(file)


def test_the_default_environment_file_is_beside_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    `.env` in the working directory is read when it exists.
    """
    monkeypatch.chdir(tmp_path)
    assert load_settings().port == 8080
    (tmp_path / ".env").write_text("GATEWAY_PORT=1234\n", encoding="utf-8")
    assert load_settings().port == 1234
    assert load_settings(None).port == 8080


@pytest.mark.parametrize(
    ("overrides", "public_url", "stream_base"),
    [
        ({}, "http://127.0.0.1:8080", "ws://127.0.0.1:8080"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80", "ws://127.0.0.1:80"),
        ({"host": "::", "port": 80}, "http://127.0.0.1:80", "ws://127.0.0.1:80"),
        ({"host": "::1"}, "http://[::1]:8080", "ws://[::1]:8080"),
        ({"host": "box.lan"}, "http://box.lan:8080", "ws://box.lan:8080"),
        ({"public_url": "https://http.example.com/"}, "https://http.example.com", "wss://http.example.com"),
    ],
)
def test_streams_are_opened_where_the_webhook_was_answered(
    overrides: dict[str, object], public_url: str, stream_base: str
) -> None:
    """
    The public URL follows the socket unless it is set, and streams share its host and security.
    """
    settings = load_settings(None, **overrides)
    assert (settings.base_url, settings.stream_base) == (public_url, stream_base)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_a_loopback_host_needs_no_token(host: str) -> None:
    """
    What only this machine can reach may be tried without a provider.
    """
    load_settings(None, host=host).check_exposure()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "box.lan", "localhost.example.com"])
def test_a_host_that_others_reach_needs_a_token(host: str) -> None:
    """
    The gateway refuses to take calls from anyone who finds it, and says what to set.
    """
    with pytest.raises(ConfigError, match=r"GATEWAY_HOST is .*GATEWAY_TWILIO_AUTH_TOKEN"):
        load_settings(None, host=host).check_exposure()
    load_settings(None, host=host, twilio_auth_token=TOKEN).check_exposure()


def test_a_public_url_needs_a_token() -> None:
    """
    A tunnel makes loopback a place that others reach.
    """
    public_url = "https://voice.example.com"
    with pytest.raises(ConfigError, match=r"GATEWAY_PUBLIC_URL is .*GATEWAY_TWILIO_AUTH_TOKEN"):
        load_settings(None, public_url=public_url).check_exposure()
    load_settings(None, public_url=public_url, twilio_auth_token=TOKEN).check_exposure()
    load_settings(None, public_url="http://127.0.0.1:8080").check_exposure()


def test_whoever_takes_calls_by_sip_alone_needs_no_token_of_twilio() -> None:
    """
    Webhooks of calls by SIP are signed with a secret of their own.
    """
    settings = load_settings(None, host="0.0.0.0", openai_webhook_secret="whsec_c2VjcmV0", openai_api_key="sk-1")
    settings.check_exposure()
    assert settings.exposed == "GATEWAY_HOST is `0.0.0.0`"


def test_settings_are_a_value() -> None:
    """
    Settings never change while the process runs.
    """
    with pytest.raises(ValidationError, match="frozen"):
        load_settings(None).port = 1


def line(**keys: object) -> Line:
    """Make a line that differs from the default in *keys*."""
    return Line.model_validate({"line": "desk", "numbers": "*", **keys}, context=Path("config/lines/desk.yaml"))


@pytest.mark.parametrize("keys", [{}, {"url": "wss://api.openai.com/v1/realtime"}])
def test_a_line_that_speaks_to_openai_needs_a_key(keys: dict[str, object]) -> None:
    """
    A missing key is found before the first call, and the line's file is named.
    """
    with pytest.raises(ConfigError, match=r"^config/lines/desk\.yaml: .*OPENAI_API_KEY"):
        check_backends(load_settings(None), [line(backend="local"), line(**keys)])
    check_backends(load_settings(None, openai_api_key="sk-test"), [line(**keys)])


def test_other_servers_may_do_without_a_key() -> None:
    """
    A key for OpenAI is not asked of lines that never speak to it.
    """
    elsewhere = [line(backend="local"), line(url="ws://127.0.0.1:1"), line(url="wss://notopenai.com")]
    check_backends(load_settings(None), elsewhere)
    check_backends(load_settings(None, realtime_url="ws://127.0.0.1:1"), [line()])


def test_misspelt_variables_are_warned_of() -> None:
    """
    A variable with our prefix that nobody reads is mentioned, without its value.
    """
    environ = {
        "GATEWAY_PROT": "secret",
        "gateway_host": "x",
        "PORT": "1",
        "HOME": "/",
        "GATEWAY_LOG_LEVEL": "",
    }
    (warning,) = unknown_variables(environ)
    assert re.match("GATEWAY_PROT .*did you mean `GATEWAY_PORT`", warning)
    assert "secret" not in warning


@pytest.mark.parametrize(
    ("secret", "said"),
    [("whsec_c2VjcmV0", "OPENAI_API_KEY, .* is not"), ("whsec_", "is no secret"), ("whsec_?", "is no secret")],
)
def test_calls_by_sip_need_a_secret_and_a_key(secret: str, said: str) -> None:
    """
    A gateway that could not accept what it is told of says so before it listens, without telling the secret.
    """
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(None, openai_webhook_secret=secret).check_webhooks()
    assert "c2VjcmV0" not in str(caught.value)
    load_settings(None, openai_webhook_secret="whsec_c2VjcmV0", openai_api_key="sk-test").check_webhooks()
    load_settings(None).check_webhooks()


def test_a_line_that_answers_nobody_needs_no_key() -> None:
    """
    It never speaks to anyone.
    """
    check_backends(load_settings(None), [Line(line="closed", numbers=("*",), reject=486)])


def test_every_variable_is_explained_and_documented() -> None:
    """
    The handbook's table has every variable, with the default that it really has.
    """
    assert all(variables().values())
    table = README.split("## Settings")[1]
    assert set(re.findall(r"`([A-Z_]+)`", table)) == set(variables())
    for name in (
        "host",
        "port",
        "config",
        "twilio_api_url",
        "realtime_url",
        "openai_api_url",
        "state",
        "log_level",
        "log_format",
    ):
        assert f"| `{getattr(load_settings(None), name)}` |" in table
