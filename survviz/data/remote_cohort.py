"""`s3://bucket/cohort` -> a cohort folder of this machine: its tables copied, its features fetched as they are read."""

from __future__ import annotations

from pathlib import Path

from survviz.data.cohort_file import FILE_NAME, CohortFile, parse_cohort_toml
from survviz.errors import InputError
from survviz.remote import address_of, is_address, joined
from survviz.remote.mirror import mirror
from survviz.remote.store import Found, describe, listing, read

SPLITS = "splits"
"""Where the split files of a cohort usually lie."""


def local_folder(place: str | Path) -> Path:
    """The folder itself, or that of the cohort behind an address in its present state.

    Raises:
        InputError: there is no cohort, or the store does not answer.
    """
    return copied(str(place)) if is_address(place) else Path(place)


def cohort_below(root: str | Path, name: str) -> Path:
    """The cohort of a name below a folder or an address; a name that is an address stands for itself."""
    if is_address(name) or not is_address(root):
        return local_folder(name) if is_address(name) else Path(root) / name
    return copied(joined(str(root), name))


def at_worker(folder: Path, address: str | None) -> Path:
    """The same cohort on a machine that may not see the folder.

    Raises:
        InputError: what lies behind the address is another one by now.
    """
    if address is None or address_of(folder) == address:
        return folder
    found = copied(address)
    if found.name != folder.name:
        raise InputError(f"{address} was written again while it was used. Start the run again.")
    return found


def copied(address: str) -> Path:
    """The tables of a cohort behind an address, and the list of its other files.

    Raises:
        InputError: there is no cohort, its files are not plain paths below the address, or the store does not answer.
    """
    address = address.rstrip("/")
    file = parse_cohort_toml(read(joined(address, FILE_NAME)), joined(address, FILE_NAME))
    sections = (file.clinical, file.rna, file.mirna, file.cnv, file.slides, file.pathology)
    names = [FILE_NAME, *dict.fromkeys(one.file for one in sections if one is not None)]
    tables = {name: describe(joined(address, name)) for name in names}
    tables |= {f"{SPLITS}/{name}": found for name, found in listing(joined(address, SPLITS)).items()}
    return mirror(address, tables, _other_files(address, file))


def _other_files(address: str, file: CohortFile) -> dict[str, Found]:
    """Feature and token files, and packed features, which stand for the feature files where there are some."""
    folders = [file.genomic_tokens.folder] if file.genomic_tokens else []
    found: dict[str, Found] = {}
    if file.features is not None and file.features.packed is not None:
        packed = joined(address, file.features.packed)
        inside = listing(packed)
        if inside and packed.rsplit("/", 1)[-1] not in inside:
            raise InputError(f"{packed} is a folder of packed files, which need a local disk. Copy the cohort.")
        found[file.features.packed] = describe(packed)
    elif file.features is not None:
        folders.append(file.features.folder)
    for folder in folders:
        files = listing(joined(address, folder))
        if not files:
            raise InputError(f"There are no files in {joined(address, folder)}, which {FILE_NAME} names.")
        found |= {f"{folder}/{name}": one for name, one in files.items()}
    return found
