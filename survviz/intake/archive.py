"""Files inside of files: gzip and zip, unpacked within limits."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from survviz.errors import InputError

MAX_MEMBERS = 5_000
MAX_TABLE_BYTES = 2 << 30
MAX_BYTES = 200 << 30
"""Slides may be in an archive, and are streamed to disk."""
MAX_RATIO = 1_000
FREE_BYTES = 10 << 20
"""Below this size a ratio says nothing."""
NESTED = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar", ".bz2", ".xz")
CLUTTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    archive: Path
    name: str
    size: int

    def read(self) -> bytes:
        """All its bytes.

        Raises:
            InputError: it is damaged, or larger than it says.
        """
        if self.size > MAX_TABLE_BYTES:
            raise InputError(
                f"{self.archive.name}/{self.name} unpacks to {self.size / 1e9:.1f} GB; a table may have 2 GB."
            )
        return b"".join(self._chunks())

    def extract(self, folder: Path) -> Path:
        """The file below a folder, by its path in the archive; written under a temporary name, then renamed."""
        target = folder.joinpath(*PurePosixPath(self.name).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.part")
        with temporary.open("wb") as file:
            for chunk in self._chunks():
                file.write(chunk)
        temporary.replace(target)
        return target

    def _chunks(self) -> Iterator[bytes]:
        done = 0
        try:
            with zipfile.ZipFile(self.archive) as archive, archive.open(self.name) as file:
                while chunk := file.read(1 << 20):
                    done += len(chunk)
                    if done > self.size:
                        raise InputError(
                            f"{self.archive.name}/{self.name} unpacks to more than it says. It is damaged."
                        )
                    yield chunk
        except (
            OSError,
            EOFError,
            ValueError,
            RuntimeError,
            NotImplementedError,
            zlib.error,
            zipfile.BadZipFile,
        ) as error:
            raise InputError(f"{self.archive.name}/{self.name} cannot be unpacked: {error}.") from error


def members(path: Path) -> list[Member]:
    """The files of a zip archive, in the order of their names; clutter of operating systems left away.

    Raises:
        InputError: it is damaged, protected, too large, holds archives, links or paths that lead out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise InputError(f"{path.name} is no zip archive that can be read: {error}.") from error
    infos = [info for info in infos if not any(part in info.filename for part in CLUTTER)]
    if not infos:
        raise InputError(f"{path.name} is empty.")
    if len(infos) > MAX_MEMBERS:
        raise InputError(f"{path.name} holds {len(infos):,} files; expected at most {MAX_MEMBERS:,}.")
    _refuse_size(path, infos)
    for info in infos:
        _refuse_member(path, info)
    return sorted((Member(path, info.filename, info.file_size) for info in infos), key=lambda member: member.name)


def _refuse_size(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    size, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if size > MAX_BYTES:
        raise InputError(f"{path.name} unpacks to {size / 1e9:,.0f} GB; expected at most {MAX_BYTES / 1e9:,.0f} GB.")
    if size > FREE_BYTES and size > MAX_RATIO * max(packed, 1):
        raise InputError(
            f"{path.name} unpacks to {size / max(packed, 1):,.0f} times its size; no table does. Expected at most "
            f"{MAX_RATIO:,} times."
        )


def _refuse_member(path: Path, info: zipfile.ZipInfo) -> None:
    name = PurePosixPath(info.filename.replace("\\", "/"))
    if not info.filename:
        raise InputError(f"{path.name} holds a file without a name. It is damaged; pack it again.")
    if name.is_absolute() or ".." in name.parts or ":" in info.filename or "\x00" in info.filename:
        raise InputError(f"{path.name} holds the path {info.filename!r}, which leads out of it. It is not unpacked.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise InputError(f"{path.name}/{info.filename} is a link. Pack the file itself.")
    if info.flag_bits & 1:
        raise InputError(f"{path.name}/{info.filename} is protected by a password. Pack it without one.")
    if info.filename.lower().endswith(NESTED):
        raise InputError(f"{path.name}/{info.filename} is an archive in an archive. Unpack it first.")


def gunzip(name: str, data: bytes) -> bytes:
    """The content of a gzip file.

    Raises:
        InputError: it is damaged, or unpacks to more than a table may have.
    """
    limit = min(MAX_TABLE_BYTES, max(FREE_BYTES, MAX_RATIO * len(data)))
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} cannot be unpacked: {error}. It is damaged, or not complete.") from error
    if len(content) > limit:
        raise InputError(f"{name} unpacks to more than {limit / 1e9:.2g} GB. No table is so large.")
    return content
