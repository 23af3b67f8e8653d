"""The claims of who signed in by `st.login`, for requests that no page makes: tiles, uploads, exports."""

from __future__ import annotations

import json

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME


def claims(headers: Headers) -> dict[str, object]:
    """The content of Streamlit's signed cookie, which `st.user` shows too; {} without one, or with a forged one."""
    secret, cookies = get_cookie_secret(), cookie_parser(headers.get("cookie", ""))

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return None if value is None else decode_signed_value(secret, name, value.encode("latin-1"))

    content = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
