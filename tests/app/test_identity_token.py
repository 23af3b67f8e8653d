"""Streamlit's cookie of who signed in by OIDC counts for tiles and uploads too; a forged one does not."""

from __future__ import annotations

import json

import pytest
from starlette.datastructures import Headers
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from pages.components.identity_token import claims

ANN = {"is_logged_in": True, "email": "ann@clinic.org", "groups": ["oncology"], "origin": "http://localhost"}


def signed(secret: str, content: str) -> Headers:
    value = create_signed_value(secret, USER_COOKIE_NAME, content).decode()
    return Headers({"cookie": f"a=1; {USER_COOKIE_NAME}={value}; b=2"})


def test_the_claims_of_streamlits_cookie_are_read() -> None:
    assert claims(signed(get_cookie_secret(), json.dumps(ANN))) == ANN


@pytest.mark.parametrize("content", ["no json", "[1]", "null"])
def test_odd_content_claims_nothing(content: str) -> None:
    assert claims(signed(get_cookie_secret(), content)) == {}


def test_another_secret_or_no_cookie_claims_nothing() -> None:
    assert claims(signed("another secret", json.dumps(ANN))) == {}
    assert claims(Headers({"cookie": f"{USER_COOKIE_NAME}=forged"})) == {}
    assert claims(Headers({})) == {}
