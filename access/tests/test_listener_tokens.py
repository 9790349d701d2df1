"""Listener tokens: what they grant, and every way in which they do not."""

from base64 import urlsafe_b64encode

import pytest
from pytest_django import Settings

from access import listener_tokens

NOW = 1_750_000_000.0


def test_a_token_speaks_for_its_listener_until_it_expires() -> None:
    token = listener_tokens.issue("101", 60, now=NOW)

    caller = listener_tokens.caller_of(token, now=NOW + 59)

    assert caller is not None
    assert (caller.kind, caller.name, caller.user_id) == ("listener", "listener:101", "101")
    assert caller.may_act_for("101")
    assert not caller.may_act_for("102")
    assert not caller.operates
    assert listener_tokens.caller_of(token, now=NOW + 60) is None
    assert listener_tokens.expiry_of(token, now=NOW + 59) == NOW + 60
    assert listener_tokens.expiry_of(token, now=NOW + 60) is None


def test_a_user_id_of_any_script_survives_the_journey() -> None:
    token = listener_tokens.issue("Łukasz 🎧 / 7", 60, now=NOW)

    caller = listener_tokens.caller_of(token, now=NOW)

    assert caller is not None
    assert caller.user_id == "Łukasz 🎧 / 7"


def test_no_change_of_a_single_character_leaves_a_token_valid() -> None:
    token = listener_tokens.issue("101", 60, now=NOW)

    for at in range(4, len(token)):
        for other in "A_~=é":
            if token[at] != other:
                changed = token[:at] + other + token[at + 1 :]
                assert listener_tokens.caller_of(changed, now=NOW) is None, changed


@pytest.mark.parametrize(
    "text", ["mrl_", "mrl_.", "mrl_..", "mrl_AAAA", "mrl_" + "A" * 10_000, "mrl_é.é"]
)
def test_a_malformed_token_is_nobody(text: str) -> None:
    assert listener_tokens.caller_of(text, now=NOW) is None


def test_a_later_expiry_under_an_old_signature_is_refused() -> None:
    signature = listener_tokens.issue("101", 60, now=NOW).partition(".")[2]
    payload = (int(NOW) + 10**6).to_bytes(8, "big") + b"101"
    forged = f"mrl_{urlsafe_b64encode(payload).rstrip(b'=').decode()}.{signature}"

    assert listener_tokens.caller_of(forged, now=NOW) is None


def test_a_new_secret_key_ends_tokens_unless_the_old_one_is_kept_as_fallback(
    settings: Settings,
) -> None:
    old = settings.SECRET_KEY
    token = listener_tokens.issue("101", 60, now=NOW)

    settings.SECRET_KEY = "another key"
    assert listener_tokens.caller_of(token, now=NOW) is None

    settings.SECRET_KEY_FALLBACKS = [old]
    assert listener_tokens.caller_of(token, now=NOW) is not None


@pytest.mark.parametrize("user_id", ["", "x" * 65, "a\x00b", "line\nbreak"])
def test_a_user_id_that_cannot_be_is_refused(user_id: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        listener_tokens.issue(user_id, 60)


@pytest.mark.parametrize("ttl_seconds", [0, -1, 10**12])
def test_a_time_to_live_that_cannot_be_is_refused(ttl_seconds: int) -> None:
    with pytest.raises(ValueError, match="seconds"):
        listener_tokens.issue("101", ttl_seconds)
