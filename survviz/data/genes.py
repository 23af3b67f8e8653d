"""Gene sets and gene names: GMT files, our curated programmes, and renamed symbols matched to a table's columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from survviz.errors import InputError

RESOURCES = files("survviz.data") / "resources"
COPY_NUMBER = "_cnv"


@dataclass(frozen=True, slots=True)
class GeneSet:
    """A named list of genes.

    Attributes:
        source: where it comes from: literature or an address (the second column of a GMT file).
        genes: HGNC symbols, without repeats, in the order of the file.
    """

    name: str
    source: str
    genes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GeneMatch:
    """Which wanted genes a table has, and under which name.

    Attributes:
        found: wanted symbol -> the table's own name for it.
        renamed: the part of `found` that goes by another name (an older or newer symbol, another spelling).
        missing: wanted symbols that the table does not have under any name we know.
        ambiguous: wanted symbol -> all names that could be it, where there is more than one; the first is used.
    """

    found: Mapping[str, str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """Share of the wanted genes that were found; 1 when nothing was wanted."""
        wanted = len(self.found) + len(self.missing)
        return len(self.found) / wanted if wanted else 1.0

    def describe(self, noun: str = "genes") -> str:
        """One or two sentences for a person; `noun` says what was looked for."""
        wanted = len(self.found) + len(self.missing)
        text = f"{len(self.found)} of {wanted} {noun} were found ({100 * self.coverage:.0f} %)"
        if self.renamed:
            text += f", {len(self.renamed)} of them under another symbol"
        if self.missing:
            text += f"; missing: {shorten(self.missing)}"
        return text + "."


def shorten(names: Iterable[str], limit: int = 5) -> str:
    """The first few names and how many more there are."""
    names = [str(name) for name in names]
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def read_gmt(path: str | Path) -> dict[str, GeneSet]:
    """Read gene sets: one per line, name, description and genes separated by tabs.

    Raises:
        InputError: the file cannot be read, or lines are malformed (all of them are named).
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"The gene set file {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a text file; expected a GMT file (tab-separated text).") from error
    return parse_gmt(text, path.name)


def parse_gmt(text: str, where: str) -> dict[str, GeneSet]:
    """Gene sets from the text of a GMT file; `where` names it in errors."""
    sets: dict[str, GeneSet] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = (part.strip() for part in line.split("\t"))
        genes = tuple(dict.fromkeys(gene for gene in rest[1:] if gene))
        if not rest:
            problems.append(f"line {number}: no tab (are the columns separated by spaces or commas?)")
        elif not name:
            problems.append(f"line {number}: the first column, the set's name, is empty")
        elif not genes:
            problems.append(f"line {number}: set {name!r} has no genes after its description")
        elif name in sets:
            problems.append(f"line {number}: set {name!r} appears a second time")
        else:
            sets[name] = GeneSet(name, rest[0], genes)
    if problems:
        shown = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise InputError(f"{where} is not a valid GMT file: {shown}. Expected: name <tab> description <tab> genes.")
    if not sets:
        raise InputError(f"{where} holds no gene set. Expected one per line: name <tab> description <tab> genes.")
    return sets


@cache
def default_programmes() -> Mapping[str, GeneSet]:
    """The curated gene programmes that ship with survviz, in their fixed order."""
    return parse_gmt((RESOURCES / "programmes.gmt").read_text(encoding="utf-8"), "programmes.gmt")


@cache
def gene_aliases() -> Mapping[str, str]:
    """Older symbol -> current HGNC symbol, for well-known renames."""
    text = (RESOURCES / "gene_aliases.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {old: current for old, current in rows}


def current_symbol(symbol: str) -> str:
    """The symbol in use now; a symbol that we do not know comes back as it is (without surrounding blanks)."""
    symbol = symbol.strip()
    aliases = gene_aliases()
    return aliases.get(symbol) or aliases.get(symbol.upper()) or symbol


def match_genes(wanted: Iterable[str], available: Iterable[str]) -> GeneMatch:
    """Find genes among a table's column names: as written, else under another known symbol or spelling.

    A repeated wanted symbol counts once. Where several columns could be one gene and none has its exact name, the
    first is used and all are listed in `ambiguous`. One column never serves two wanted genes, unless both are
    symbols of the same gene. A wanted `EGFR_cnv` is also found as `EGFR`, never the other way: a table of copy number
    may leave the suffix away, but `EGFR_cnv` is no expression.

    Raises:
        InputError: a column name appears more than once.
    """
    columns = [str(name) for name in available]
    exact = set(columns)
    if len(exact) < len(columns):
        repeated = [name for name, count in Counter(columns).items() if count > 1]
        raise InputError(
            f"{len(repeated)} gene names appear more than once in the table: {shorten(repeated)}. "
            "Expected one column per gene: keep one of them, or average them, first."
        )
    wanted = tuple(dict.fromkeys(wanted))
    by_current: dict[str, list[str]] = {}
    if not exact.issuperset(wanted):
        for name in columns:
            by_current.setdefault(current_symbol(name).upper(), []).append(name)
    found: dict[str, str] = {}
    renamed: dict[str, str] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    for gene in wanted:
        symbol = current_symbol(gene.removesuffix(COPY_NUMBER)).upper()
        candidates = [] if gene in exact else by_current.get(symbol, [])
        if gene in exact:
            found[gene] = gene
        elif candidates:
            found[gene] = renamed[gene] = candidates[0]
            if len(candidates) > 1:
                ambiguous[gene] = tuple(candidates)
        else:
            missing.append(gene)
    return GeneMatch(found, renamed, tuple(missing), ambiguous)
