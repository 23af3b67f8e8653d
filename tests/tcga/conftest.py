"""Downloads in the GDC's exact layout, and a small server that answers as the GDC does."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survviz.data.genes import default_programmes

GENES = sorted({gene for item in default_programmes().values() for gene in item.genes})
SHEET = ("File ID", "File Name", "Data Category", "Data Type", "Project ID", "Case ID", "Sample ID", "Sample Type")
NEW_SHEET = (*SHEET[:7], "Tissue Type", "Tumor Descriptor", "Specimen Type", "Preservation Method")
TYPES = {"rna": "Gene Expression Quantification", "mirna": "miRNA Expression Quantification", "slides": "Slide Image"}
STAR_HEADER = (
    "gene_id", "gene_name", "gene_type", "unstranded", "stranded_first", "stranded_second", "tpm_unstranded",
    "fpkm_unstranded", "fpkm_uq_unstranded",
)  # fmt: skip


def file_uuid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def star_text(tpm: dict[str, float]) -> str:
    """A STAR file with summary rows, a gene that is not coding, and a second row for a pseudo-autosomal gene."""
    lines = ["# gene-model: GENCODE v36", "\t".join(STAR_HEADER)]
    lines += [f"N_{name}\t\t\t100\t100\t100\t\t\t" for name in ("unmapped", "multimapping", "noFeature", "ambiguous")]
    rows = [(f"ENSG{i:011d}.1", gene, "protein_coding", value) for i, (gene, value) in enumerate(tpm.items())]
    rows += [("ENSG99999999901.1", "XIST", "lncRNA", 9.0)]
    rows += [
        ("ENSG99999999902.1", "ASMTL", "protein_coding", 7.5),
        ("ENSG99999999902.1_PAR_Y", "ASMTL", "protein_coding", 0),
    ]
    lines += [f"{gene_id}\t{name}\t{kind}\t10\t5\t5\t{value:.4f}\t1\t1" for gene_id, name, kind, value in rows]
    return "\n".join(lines) + "\n"


def mirna_text(rpm: dict[str, float]) -> str:
    lines = ["miRNA_ID\tread_count\treads_per_million_miRNA_mapped\tcross-mapped"]
    return "\n".join([*lines, *(f"{name}\t{int(value * 3)}\t{value:.6f}\tN" for name, value in rpm.items())]) + "\n"


@dataclass
class Download:
    """A folder of downloads that a test adds to.

    Attributes:
        files: UUID -> (kind, file name, aliquot or slide barcode, bytes).
    """

    folder: Path
    files: dict[str, tuple[str, str, str, bytes]] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    project: str = "TCGA-KIRC"

    def add(self, kind: str, barcode: str, content: str | bytes, *, name: str = "", on_disk: bool = True) -> str:
        file_id = file_uuid(f"{kind} {barcode} {len(self.files)}")
        endings = {"rna": "rna_seq.augmented_star_gene_counts.tsv", "mirna": "mirbase21.mirnas.quantification.txt"}
        name = name or (
            f"{barcode}.{file_id.upper()}.svs" if kind == "slides" else f"{file_uuid(file_id)}.{endings[kind]}"
        )
        data = content.encode() if isinstance(content, str) else content
        self.files[file_id] = (kind, name, barcode, data)
        if on_disk:
            path = self.folder / file_id / name
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
            (path.parent / "logs").mkdir()
            (path.parent / "logs" / f"{name}.parcel").write_bytes(b"")
        return file_id

    def patient(self, number: int, *, seed: int = 0, **clinical: Any) -> str:
        """A patient with RNA, miRNA and an outcome."""
        case = f"TCGA-B0-{number:04d}"
        rng = np.random.default_rng([seed, number])
        self.add(
            "rna", f"{case}-01A-11R-1672-07", star_text(dict(zip(GENES, rng.lognormal(2, 1, len(GENES)), strict=True)))
        )
        names = [f"hsa-mir-{i}" for i in range(1, 9)]
        self.add("mirna", f"{case}-01A-11R-1671-13", mirna_text(dict(zip(names, rng.lognormal(3, 1, 8), strict=True))))
        self.cases.append(self.clinical(case, number, **clinical))
        return case

    def clinical(self, case: str, number: int, **changed: Any) -> dict[str, Any]:
        dead = number % 2 == 0
        demographic = {"vital_status": "Dead" if dead else "Alive", "sex_at_birth": ["female", "male"][number % 2]}
        demographic |= {"race": "white", "submitter_id": f"{case}_demographic"}
        demographic |= {"days_to_death": 100 + number} if dead else {}
        diagnosis = {
            "age_at_diagnosis": 20000 + 100 * number,
            "ajcc_pathologic_stage": ["Stage I", "Stage III"][number % 2],
        }
        diagnosis |= {"tumor_grade": "G2", "days_to_last_follow_up": None if dead else 500 + number}
        diagnosis |= {"submitter_id": f"{case}_diagnosis", "diagnosis_is_primary_disease": True}
        value = {"submitter_id": case, "project": {"project_id": self.project}, "follow_ups": []}
        return value | {"demographic": demographic, "diagnoses": [diagnosis], **changed}

    def write_lists(self, *, sheet: bool = True, new: bool = False) -> Path:
        """The sample sheet (or metadata with aliquots) and the cases as JSON."""
        if sheet:
            lines = ["\t".join(NEW_SHEET if new else SHEET)]
            for file_id, (kind, name, barcode, _) in self.files.items():
                cells = [
                    file_id,
                    name,
                    "Transcriptome Profiling",
                    TYPES[kind],
                    self.project,
                    barcode[:12],
                    barcode[:16],
                ]
                lines.append("\t".join(cells + (["Tumor", "Primary", "Unknown", "OCT"] if new else ["Primary Tumor"])))
            (self.folder / "gdc_sample_sheet.2026-11-21.tsv").write_text("\n".join(lines) + "\n")
        else:
            (self.folder / "metadata.cart.2026-11-21.json").write_text(json.dumps(self.rows()))
        if self.cases:
            (self.folder / "clinical.cart.2026-11-21.json").write_text(json.dumps(self.cases))
        return self.folder

    def rows(self) -> list[dict[str, Any]]:
        """Hits of the files endpoint."""
        workflow = {"rna": "STAR - Counts", "mirna": "BCGSC miRNA Profiling", "slides": ""}
        return [
            {
                "id": file_id, "file_id": file_id, "file_name": name, "file_size": len(data), "access": "open",
                "md5sum": hashlib.md5(data).hexdigest(), "data_type": TYPES[kind],
                "experimental_strategy": "Diagnostic Slide" if kind == "slides" else "RNA-Seq",
                "analysis": {"workflow_type": workflow[kind]},
                "cases": [
                    {
                        "submitter_id": barcode[:12], "project": {"project_id": self.project},
                        "samples": [{"submitter_id": barcode[:16]}],
                    }
                ],
                "associated_entities": [{"entity_submitter_id": barcode, "entity_type": "aliquot"}],
            }
            for file_id, (kind, name, barcode, data) in self.files.items()
        ]  # fmt: skip


@pytest.fixture
def gdc(tmp_path_factory: pytest.TempPathFactory) -> Download:
    """An empty folder of downloads."""
    return Download(tmp_path_factory.mktemp("download"))


def value_of(row: Any, dotted: str) -> list[Any]:
    """The values of a dotted field, through lists as the GDC does."""
    if not dotted:
        return [row]
    name, _, rest = dotted.partition(".")
    items = row if isinstance(row, list) else [row]
    found = [value for item in items if isinstance(item, dict) and name in item for value in [item[name]]]
    return [
        one
        for value in found
        for part in (value if isinstance(value, list) else [value])
        for one in value_of(part, rest)
    ]


@dataclass
class Server:
    """A GDC of one project.

    Attributes:
        cut: UUID -> for each request to come, after how many bytes of it the connection breaks off.
        status: UUID -> HTTP errors to answer first.
        ranges: whether it knows ranges.
        asked: (path, Range header) of every download; pages: (endpoint, from) of every question.
    """

    download: Download
    cut: dict[str, list[int]] = field(default_factory=dict)
    status: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    spoil: Callable[[str, bytes], bytes] = lambda file_id, data: data
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    pages: list[tuple[str, int]] = field(default_factory=list)
    api: str = ""

    def page(self, endpoint: str, question: dict[str, Any]) -> dict[str, Any]:
        rows = self.download.rows() if endpoint == "files" else self.download.cases
        wanted = question["filters"]
        assert wanted["op"] == "and"
        for one in wanted["content"]:
            assert one["op"] == "in"
            name = one["content"]["field"]
            rows = [row for row in rows if set(value_of(row, name)) & set(one["content"]["value"])]
        key, way = question["sort"].split(":")
        rows = sorted(rows, key=lambda row: row[key], reverse=way == "desc")
        start, size = question["from"], question["size"]
        hits = rows[start : start + size]
        self.pages.append((endpoint, start))
        pagination = {"count": len(hits), "total": len(rows), "size": size, "from": start, "sort": question["sort"]}
        return {"data": {"hits": hits, "pagination": pagination}, "warnings": {}}


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, json.dumps(server.page(self.path.strip("/"), question)).encode())

        def do_GET(self) -> None:
            file_id, asked = self.path.rsplit("/", 1)[1], self.headers.get("Range")
            server.asked.append((self.path, asked))
            if server.status.get(file_id):
                self.answer(server.status[file_id].pop(0), b'{"message": "try later"}')
                return
            data = server.spoil(file_id, server.download.files[file_id][3])
            start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked and server.ranges else 0
            more = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if asked and server.ranges else {}
            self.answer(206 if more else 200, data[start:], more, server.cut.get(file_id) or [])

        def answer(
            self, status: int, body: bytes, more: dict[str, str] | None = None, cut: list[int] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(more or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: cut.pop(0)] if cut else body)

    return Handler


@pytest.fixture
def server(gdc: Download) -> Iterator[Server]:
    """A running server of the downloads."""
    made = Server(gdc)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(made))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.api = f"http://127.0.0.1:{http.server_address[1]}"
    yield made
    http.shutdown()
    thread.join()
    http.server_close()
