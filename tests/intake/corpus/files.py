"""Files that are damaged, hostile, or not what their name says; and tables that do not fit together."""

from __future__ import annotations

import gzip
import io
import zipfile

import pandas as pd

from tests.intake.corpus.broken import Broken
from tests.intake.corpus.good import clinical, csv, expression, xlsx, zipped

OUTCOME = csv(clinical())
BOOK = xlsx(clinical=clinical())
GENES_IN_ROWS = expression().T.rename_axis("gene")


def _beside(name: str, what: str, data: bytes, code: str, *says: str, severity: str = "error") -> Broken:
    """A bad file beside a good outcome; `what` is wrong with it."""
    files = {"clinical.csv": OUTCOME, name: data}
    return Broken(f"{name}: {what}", files, code, says, severity, mended=False)  # type: ignore[arg-type]


def _parquet() -> bytes:
    buffer = io.BytesIO()
    expression().to_parquet(buffer)
    return buffer.getvalue()


def _encrypted() -> bytes:
    """The flag of encryption set on an ordinary archive."""
    data = bytearray(zipped({"clinical.csv": OUTCOME}))
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _linked() -> bytes:
    """A member that is a symbolic link."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("clinical.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


TWICE = pd.concat([GENES_IN_ROWS, GENES_IN_ROWS.iloc[[0]] + 1]).rename_axis("gene")
STRANGERS = expression().rename(index=lambda name: f"X{name}").rename_axis("case_id")
LONELY = expression().iloc[:25]

FILES = (
    _beside("rna.csv", "empty", b"", "unreadable", "empty"),
    _beside("rna.csv", "a header only", b"case_id,TP53\n", "unreadable", "no rows"),
    _beside("rna.csv", "not text", bytes(range(256)) * 20, "unreadable", "not text"),
    _beside("rna.csv", "words, no columns", b"just a line of words\nand another\n", "unreadable", "no columns"),
    _beside("rna.csv.gz", "gzip cut off", gzip.compress(csv(expression()))[:-200], "unreadable", "rna.csv.gz"),
    _beside(
        "rna.csv.gz", "not gzip at all", b"\x1f\x8b" + b"nonsense" * 10, "unreadable", "rna.csv.gz", severity="error"
    ),
    _beside("rna.xlsx", "a workbook cut in half", BOOK[: len(BOOK) // 2], "unreadable", "rna.xlsx"),
    _beside("rna.parquet", "parquet cut off", _parquet()[:-400], "unreadable", "rna.parquet"),
    _beside("rna.parquet", "not parquet", b"PK not parquet", "unreadable", "parquet"),
    _beside("data.zip", "a path out of the folder", zipped({"../../evil.csv": OUTCOME}), "unreadable", "evil.csv"),
    _beside("data.zip", "an absolute path", zipped({"/etc/evil.csv": OUTCOME}), "unreadable", "evil.csv"),
    _beside(
        "data.zip",
        "an archive in an archive",
        zipped({"inner.zip": zipped({"a.csv": OUTCOME})}),
        "unreadable",
        "inner.zip",
    ),
    _beside("bomb.zip", "a bomb", zipped({"a.csv": b"a,b\n" + b"0,0\n" * 5_000_000}), "unreadable", "bomb.zip"),
    _beside("data.zip", "encrypted", _encrypted(), "unreadable", "password"),
    _beside("data.zip", "a link", _linked(), "unreadable", "link"),
    _beside("data.zip", "cut off", b"PK\x03\x04 cut off", "unreadable", "data.zip"),
    _beside("paper.docx", "a document", b"PK\x03\x04", "not-a-table", "paper.docx", severity="note"),
    _beside("old.xls", "an old workbook", b"\xd0\xcf\x11\xe0", "not-a-table", "save it as xlsx", severity="note"),
    _beside("meta.json", "not JSON", b"{ not json", "unreadable", "not JSON"),
    Broken(
        "rows of many lengths",
        {"clinical.csv": OUTCOME + b"P041,100,1\nP042,1,1,60,male,II,more,and more\n"},
        "ragged-rows",
        ("clinical.csv",),
        mended=False,
    ),
    Broken(
        "two columns of one name",
        {"clinical.csv": csv(clinical().assign(x=["a"] * 40).rename(columns={"x": "age"}))},
        "repeated-columns",
        ("age",),
        severity="warning",
        mended=False,
    ),
    Broken(
        "Latin-1 letters",
        {"clinical.csv": csv(clinical().assign(site=["Köln"] * 40), encoding="latin-1")},
        "encoding",
        ("UTF-8",),
        severity="note",
        mended=False,
    ),
    Broken(
        "a gene in two rows", {"clinical.csv": OUTCOME, "rna.csv": csv(TWICE)}, "duplicate-genes", ("TP53", "Average")
    ),
)
