"""That nothing goes out: sockets of this process and its children, hosts named in the app's own files, headers."""

from __future__ import annotations

import http.client
import ipaddress
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from survviz.selfcheck.row import Row
from survviz.server.middleware import content_security_policy
from survviz.server.routes import WEB

GROUP = "Network"
ESTABLISHED, SYN_SENT, LISTEN = "01", "02", "0A"
ROOT = Path(__file__).parents[2]
LOADS = re.compile(
    r"""(?:\b(?:src|srcset|href|action|poster)\s*=\s*["']?|url\(\s*["']?|@import\s+["']|\bimport\s*\(?\s*["'`]|\bfrom\s+["'`]"""
    r"""|\b(?:fetch|WebSocket|EventSource|importScripts|sendBeacon)\(\s*["'`])(?:https?:|wss?:)?//([\w.-]+)""",
    re.IGNORECASE,
)
"""What makes a browser ask another host, in HTML, CSS and JavaScript; plain links are not among it."""

LINK = re.compile(r"<a\b[^>]*>", re.IGNORECASE)
ASSETS = ("*.js", "*.css", "*.html", "*.svg")
HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy")


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of ours: the process, our end, the other end."""

    pid: int
    local_port: int
    peer: str
    peer_port: int


def connections(root: int | None = None) -> list[Connection]:
    """TCP connections that this process or one of its children opened to another machine.

    Those that came in, at a port on which the process listens, are a browser's or the proxy's and do not count.

    Args:
        root: the process; None = this one.
    """
    owners = {inode: pid for pid in _family(root or os.getpid()) for inode in _sockets(pid)}
    table = [line for name in ("tcp", "tcp6") for line in _lines(name)]
    listening = {_port(line[1]) for line in table if line[3] == LISTEN and line[9] in owners}
    return [
        Connection(owners[line[9]], _port(line[1]), str(peer), _port(line[2]))
        for line in table
        if line[9] in owners
        and line[3] in (ESTABLISHED, SYN_SENT)
        and _port(line[1]) not in listening
        and not (peer := _address(line[2])).is_loopback
    ]


def _lines(name: str) -> list[list[str]]:
    try:
        return [line.split() for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    except OSError:
        return []


def _port(end: str) -> int:
    return int(end.rpartition(":")[2], 16)


def _address(end: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """From the kernel's form: words of 32 bits, each in the byte order of the machine."""
    digits = end.rpartition(":")[0]
    raw = b"".join(bytes.fromhex(digits[i : i + 8])[::-1] for i in range(0, len(digits), 8))
    found = ipaddress.ip_address(raw)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _family(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _sockets(pid: int) -> set[str]:
    inodes = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass  # it ended meanwhile, or is another user's
    return inodes


def hosts_named(folders: tuple[Path, ...] = (WEB, ROOT / "pages", ROOT / "survviz" / "figures")) -> list[str]:
    """ "file: host" for everything that a browser would load from elsewhere."""
    found = []
    for folder in folders:
        for path in sorted(path for form in ASSETS for path in folder.rglob(form)):
            text = LINK.sub("", path.read_text(encoding="utf-8", errors="replace"))
            hosts = (host for host in LOADS.findall(text) if "." in host and not host.endswith("w3.org"))
            found += [f"{path.name}: {host}" for host in hosts]
    return found


def rows(url: str | None = None) -> Iterator[Row]:
    """Sockets, files, and headers.

    Args:
        url: of the running app, whose headers are then read; None = the policy as the code has it.
    """
    if Path("/proc/net/tcp").exists():
        going = connections()
        words = ", ".join(f"{one.peer}:{one.peer_port} by process {one.pid}" for one in going[:5])
        todo = "survviz opens none by itself: see what else runs in the process (an encoder's hub, OIDC), and close it."
        yield Row(GROUP, "Outgoing connections", "warn" if going else "ok", words or "none", todo if going else "")
    else:
        todo = "Look with the system's own tools."
        yield Row(GROUP, "Outgoing connections", "warn", "cannot be listed on this system", todo)
    named = hosts_named()
    todo = "These files were changed: install survviz again." if named else ""
    yield Row(GROUP, "Hosts in the app's files", "fail" if named else "ok", ", ".join(named[:5]) or "none", todo)
    yield _policy(url)


def _policy(url: str | None) -> Row:
    name = "Content-security policy"
    if url is None:
        strange = foreign_sources(content_security_policy("localhost"), "localhost")
        found = ", ".join(strange) or "no other host in the code; the server was not asked"
        return Row(GROUP, name, "fail" if strange else "ok", found)
    where = urlsplit(url)
    make = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    try:
        asked = make(where.hostname or "localhost", where.port, timeout=10)
        asked.request("GET", where.path or "/", headers={"Accept": "text/html"})
        answer = asked.getresponse()
        asked.close()
    except (OSError, http.client.HTTPException) as error:
        return Row(
            GROUP, name, "warn", f"the app did not answer at {url} ({error})", "Give the address of the running app."
        )
    missing = [header for header in HEADERS if not answer.headers.get(header)]
    if missing:
        todo = "Your reverse proxy must pass on what the app sends; without a proxy, start the app by app.py."
        return Row(GROUP, name, "fail", f"missing headers: {', '.join(missing)}", todo)
    strange = foreign_sources(answer.headers["content-security-policy"], where.netloc)
    if strange:
        return Row(GROUP, name, "fail", f"allows {', '.join(strange)}", "Take these hosts out of your proxy's header.")
    return Row(GROUP, name, "ok", "sent with every page; allows no other host")


def foreign_sources(policy: str, own: str) -> list[str]:
    """Hosts and wildcards that a policy allows beside the app's own; and a policy that allows by default."""
    found = [] if "default-src" in policy else ["everything that it does not name"]
    for word in re.split(r"[;\s]+", policy):
        if word.startswith("'") or word in ("data:", "blob:"):
            continue
        host = urlsplit(word).netloc if "://" in word else word
        if word in ("*", "http:", "https:", "ws:", "wss:") or (re.search(r"[.:*]", host) and host != own):
            found.append(word)
    return found
