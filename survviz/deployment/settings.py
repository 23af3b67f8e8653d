"""The settings file of an installation (`docs/deploy.md`). Without one, whoever opens the app may do everything."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError, field_validator, model_validator

from survviz.errors import InputError
from survviz.workspace import workspace

FILE_VARIABLE = "SURVVIZ_CONFIG"
FILE_NAME = "config.toml"
UVICORN_VARIABLE = "FORWARDED_ALLOW_IPS"
UVICORN_DEFAULT = "127.0.0.1,::1"

Role: TypeAlias = Literal["admin", "researcher", "viewer"]
Deed: TypeAlias = Literal["open", "export", "compute", "upload", "train", "delete", "metrics"]
ROLES: tuple[Role, ...] = ("admin", "researcher", "viewer")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SignIn(_Section):
    """Who signs in, and where their name comes from.

    Attributes:
        by: "nobody", "oidc" (Streamlit's `st.login`, set up in secrets.toml) or "header" (of a reverse proxy).
        header, groups_header: of the e-mail address, and of group names separated by commas.
        proxies: addresses or networks whose headers are believed; nobody else's are.
        email_claim, groups_claim: of the identity token.
    """

    by: Literal["nobody", "oidc", "header"] = "nobody"
    header: str = "X-Forwarded-Email"
    groups_header: str | None = None
    proxies: tuple[IPvAnyNetwork, ...] = ()
    email_claim: str = "email"
    groups_claim: str = "groups"

    @model_validator(mode="after")
    def _proxies_are_known(self) -> Self:
        if self.by != "header":
            return self
        if not self.proxies or any(network.prefixlen == 0 for network in self.proxies):
            raise ValueError(
                'by = "header" needs proxies, the addresses of your reverse proxy, for example ["127.0.0.1"]; '
                "without them, or with every address, anybody could write the header"
            )
        # uvicorn puts X-Forwarded-For in the place of these peers' address, so that they could pass for a proxy
        for name in os.environ.get(UVICORN_VARIABLE, UVICORN_DEFAULT).split(","):
            if not self.believes_network(name.strip()):
                raise ValueError(
                    f"proxies must hold {name.strip()}, or start the app with {UVICORN_VARIABLE}="
                    f"{','.join(map(str, self.proxies))}: the server takes addresses from X-Forwarded-For of those in "
                    f"{UVICORN_VARIABLE} (default {UVICORN_DEFAULT})"
                )
        return self

    def believes_network(self, text: str) -> bool:
        """Whether an address or network lies within one of the proxies'."""
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            return False
        return any(
            network.version == proxy.version and network.subnet_of(proxy)  # type: ignore[arg-type]
            for proxy in self.proxies
        )


class Roles(_Section):
    """Whose role is what: "ann@clinic.org", "@clinic.org" or "group:oncology"; the highest that fits counts.

    Attributes:
        everyone_else: the role of who signs in and is in no list; "refused" lets them see nothing.
    """

    admin: tuple[str, ...] = ()
    researcher: tuple[str, ...] = ()
    viewer: tuple[str, ...] = ()
    everyone_else: Literal["refused", "viewer", "researcher"] = "refused"

    @field_validator("admin", "researcher", "viewer")
    @classmethod
    def _rules_are_understood(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            if rule != rule.strip() or not ("@" in rule[:-1] or (rule.startswith("group:") and len(rule) > 6)):
                raise ValueError(f'{rule!r} is no "name@domain", "@domain" or "group:NAME"')
        return rules


class Rights(_Section):
    """What each role may do.

    Attributes:
        viewer, researcher, admin: of open, export, compute, upload, train, delete, metrics.
    """

    viewer: frozenset[Deed] = frozenset({"open", "compute"})
    researcher: frozenset[Deed] = frozenset({"open", "compute", "export", "upload", "train", "delete"})
    admin: frozenset[Deed] = frozenset({"open", "compute", "export", "upload", "train", "delete", "metrics"})


class Limits(_Section):
    """What one person may take up; None is without limit.

    Attributes:
        upload_gb: of one file.
        disk_gb: of uploads, cohorts and trained checkpoints together.
        jobs: waiting or running at the same time.
    """

    upload_gb: float | None = Field(default=None, gt=0)
    disk_gb: float | None = Field(default=None, gt=0)
    jobs: int | None = Field(default=None, ge=1)


class Retention(_Section):
    """How long things are kept, in days since they were last written; None = until somebody deletes them.

    Attributes:
        uploads_days: uploaded files, cohorts and cases made of them.
        caches_days: features, maps and results of cohorts.
    """

    uploads_days: float | None = Field(default=None, gt=0)
    caches_days: float | None = Field(default=None, gt=0)


class Audit(_Section):
    """What is written down, in `$SURVVIZ_HOME/audit/`.

    Attributes:
        case: a keyed hash of each case id, or the id itself.
        file_mb: size at which a new file is begun; old ones are kept.
    """

    enabled: bool = True
    case: Literal["hash", "id"] = "hash"
    file_mb: float = Field(default=16.0, gt=0)


class Settings(_Section):
    """Of one installation.

    Attributes:
        base_path: the part of the address under which the app is served; None = whatever Streamlit is started with.
    """

    base_path: str | None = None
    sign_in: SignIn = SignIn()
    roles: Roles = Roles()
    rights: Rights = Rights()
    limits: Limits = Limits()
    retention: Retention = Retention()
    audit: Audit = Audit()

    @model_validator(mode="after")
    def _roles_have_people(self) -> Self:
        named = self.roles.admin + self.roles.researcher + self.roles.viewer
        if self.sign_in.by == "nobody" and named:
            raise ValueError('roles are given, but nobody signs in: set sign_in.by to "oidc" or "header"')
        if self.sign_in.by != "nobody" and not named and self.roles.everyone_else == "refused":
            raise ValueError("nobody could use the app: name people in roles, or set roles.everyone_else")
        return self


def settings_file() -> Path:
    """`$SURVVIZ_CONFIG`, or config.toml in the workspace."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else workspace() / FILE_NAME


def settings() -> Settings | None:
    """The settings as the file says now; None where there is no file.

    Raises:
        InputError: the file is missing though named, or wrong.
    """
    path = settings_file()
    try:
        stamp = path.stat().st_mtime_ns
    except FileNotFoundError as error:
        if os.environ.get(FILE_VARIABLE):
            raise InputError(
                f"{FILE_VARIABLE} names {path}, which does not exist. Write it (docs/deploy.md), or unset the variable."
            ) from error
        return None
    return _read(path, stamp, os.environ.get(UVICORN_VARIABLE))


@lru_cache(maxsize=4)
def _read(path: Path, stamp: int, uvicorn: str | None) -> Settings:
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read as TOML: {error}.") from error
    except ValidationError as error:
        raise InputError(f"{path} is not understood. {'; '.join(map(_in_words, error.errors()))}.") from error


def _in_words(error) -> str:
    where = ".".join(map(str, error["loc"])) or "As a whole"
    if error["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; docs/deploy.md lists them"
    given = "" if isinstance(error["input"], dict) else f" (given: {error['input']!r})"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{given}"
