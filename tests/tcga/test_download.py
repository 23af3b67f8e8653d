"""Downloads from a server that answers as the GDC does: paging, MD5, resume, and clear errors."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from survviz.data.cohort import load_cohort
from survviz.errors import InputError, UnknownNameError
from survviz.tcga.building import build_cohort
from survviz.tcga.download import Plan, download, fetch, n_bytes, plan, to_fetch
from survviz.tcga.interface import Gdc
from survviz.tcga.listing import from_metadata
from survviz.tcga.projects import Kind, to_modalities, to_projects

from .conftest import Download, Server, mirna_text

KIRC = ["TCGA-KIRC"]
BOTH: list[Kind] = ["rna", "mirna"]


def planned(server: Server, page: int = 1000) -> tuple[Gdc, Plan]:
    gdc = Gdc(server.api, page=page, timeout=10)
    return gdc, plan(gdc, KIRC, BOTH)


@pytest.mark.parametrize("page", [1, 2, 3, 7, 1000])
def test_every_page_is_read_whatever_its_size(gdc: Download, server: Server, page: int) -> None:
    for number in range(7):
        gdc.patient(number)
    _, made = planned(server, page)
    assert {kind: len(files) for kind, files in made.files.items()} == {"rna": 7, "mirna": 7}
    assert [case["submitter_id"] for case in made.cases] == [f"TCGA-B0-000{i}" for i in range(7)]
    assert [start for endpoint, start in server.pages if endpoint == "cases"] == list(range(0, 7, page))


def test_only_open_files_of_the_project_and_of_one_sample_are_planned(gdc: Download, server: Server) -> None:
    gdc.patient(1)
    for sample in ("11A", "01B", "06A"):
        gdc.add("mirna", f"TCGA-B0-0001-{sample}-11R-1671-13", mirna_text({"hsa-mir-21": 1.0}))
    gdc.add("slides", "TCGA-B0-0001-01Z-00-DX1", b"svs")
    _, made = planned(server)
    assert [file.barcode[:16] for file in made.all_files] == ["TCGA-B0-0001-01A"] * 2
    assert [len(rows) for rows in made.rows.values()] == [1, 4], (
        "what is not downloaded is listed, so that it can be counted"
    )
    other = plan(Gdc(server.api), ["TCGA-LUAD"], BOTH)
    assert other.all_files == []
    assert other.cases == ()


def test_a_download_becomes_the_cohort_that_the_same_files_from_a_folder_become(
    gdc: Download, server: Server, tmp_path: Path
) -> None:
    for number in range(4):
        gdc.patient(number)
    gdc.add("mirna", "TCGA-B0-0001-11A-11R-1671-13", mirna_text({"hsa-mir-21": 1.0}))
    asked, made = planned(server)
    download(asked, made, tmp_path / "got")
    build_cohort(tmp_path / "got", tmp_path / "a", KIRC)
    build_cohort(gdc.write_lists(), tmp_path / "b", KIRC)
    for name in ("clinical.csv", "cohort.toml", "notes.txt", "rna.parquet", "mirna.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert "1 normal samples left out" in (tmp_path / "a" / "notes.txt").read_text()
    assert len(load_cohort(tmp_path / "a")) == 4
    assert not list((tmp_path / "got").rglob("*.part"))


def test_a_broken_connection_is_continued_where_it_broke(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    file_id, (_, name, _, data) = next(iter(gdc.files.items()))
    server.cut[file_id] = [1000, 500]
    asked, made = planned(server)
    download(asked, made, tmp_path, pause=0)
    assert (tmp_path / file_id / name).read_bytes() == data
    assert [given for path, given in server.asked if path.endswith(file_id)] == [None, "bytes=1000-", "bytes=1500-"]


def test_a_stopped_download_goes_on_in_the_next_run(gdc: Download, server: Server, tmp_path: Path) -> None:
    for number in range(3):
        gdc.patient(number)
    asked, made = planned(server)
    last = made.all_files[-1]
    server.cut[last.file_id] = [50, 0]
    with pytest.raises(InputError, match=r"tried 2 times .* broke off .* run the same command again"):
        download(asked, made, tmp_path, attempts=2, pause=0)
    assert [file.file_id for file in to_fetch(tmp_path, made.all_files)] == [last.file_id]
    assert not (tmp_path / last.file_id / last.name).exists(), "a part never has the name of the whole"
    server.asked.clear()
    server.cut.clear()
    download(asked, made, tmp_path, pause=0)
    assert server.asked == [(f"/data/{last.file_id}", "bytes=50-")]
    assert (tmp_path / last.file_id / last.name).read_bytes() == gdc.files[last.file_id][3]


def test_what_was_downloaded_before_stays_listed(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    asked = Gdc(server.api)
    for kind in BOTH:
        download(asked, plan(asked, KIRC, [kind]), tmp_path / "got")
    assert set(build_cohort(tmp_path / "got", tmp_path / "out", KIRC).tables) == {"clinical", "rna", "mirna"}


def test_a_server_without_ranges_is_read_from_the_start(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    file_id, (_, name, _, data) = next(iter(gdc.files.items()))
    server.ranges = False
    server.cut[file_id] = [1000]
    asked, made = planned(server)
    download(asked, made, tmp_path, pause=0)
    assert (tmp_path / file_id / name).read_bytes() == data


def test_bytes_with_another_md5_never_become_a_file(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    server.spoil = lambda file_id, data: data[:-2] + b"9\n"
    asked, made = planned(server)
    with pytest.raises(InputError, match="its MD5 is not the one that the GDC lists"):
        download(asked, made, tmp_path, attempts=2, pause=0)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "cases.json", "files.mirna.json", "files.rna.json",
    ]  # fmt: skip


def test_a_part_that_is_too_long_is_thrown_away(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    asked, made = planned(server)
    file = made.all_files[0]
    part = tmp_path / f"{file.name}.part"
    part.write_bytes(b"x" * ((file.size or 0) + 1))
    fetch(asked, file, tmp_path / file.name, attempts=2, pause=0)
    assert (tmp_path / file.name).read_bytes() == gdc.files[file.file_id][3]
    assert not part.exists()


def test_passing_errors_are_tried_again_and_others_are_said(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    asked, made = planned(server)
    file = made.all_files[0]
    server.status[file.file_id] = [503, 429]
    fetch(asked, file, tmp_path / "got", pause=0)
    assert (tmp_path / "got").read_bytes() == gdc.files[file.file_id][3]
    server.asked.clear()
    server.status[file.file_id] = [403]
    with pytest.raises(InputError, match="refused the request \\(403 Forbidden: try later\\)"):
        fetch(asked, file, tmp_path / "other", pause=0)
    assert len(server.asked) == 1


def test_a_part_that_the_server_does_not_know_is_begun_again(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    asked, made = planned(server)
    file = made.all_files[0]
    (tmp_path / "got.part").write_bytes(b"x" * 10)
    server.status[file.file_id] = [416]
    fetch(asked, file, tmp_path / "got", pause=0)
    assert (tmp_path / "got").read_bytes() == gdc.files[file.file_id][3]
    assert [given for _, given in server.asked] == ["bytes=10-", None]


def test_a_disk_that_is_too_small_is_said_before_anything_is_downloaded(
    gdc: Download, server: Server, tmp_path: Path
) -> None:
    gdc.patient(1)
    asked, made = planned(server)
    huge = tuple(replace(file, size=10**18) for file in made.files["rna"])
    with pytest.raises(InputError, match=r"1,000,000,000\.0 GB are to be downloaded"):
        download(asked, replace(made, files={"rna": huge}), tmp_path / "got")
    assert server.asked == []


def test_without_a_network_the_other_road_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match=r"cannot be reached \(.*refused.*\).*--from"):
        plan(Gdc(f"http://127.0.0.1:{port}", timeout=5), KIRC, BOTH)


def test_an_answer_that_shrinks_while_it_is_read_is_refused(gdc: Download, server: Server) -> None:
    for number in range(4):
        gdc.patient(number)
    whole = server.page

    def shrinking(endpoint: str, question: dict) -> dict:
        answer = whole(endpoint, question)
        answer["data"]["hits"] = answer["data"]["hits"] if question["from"] == 0 else []
        return answer

    server.page = shrinking
    with pytest.raises(InputError, match=r"announced 4 files and gave 2"):
        planned(server, 2)


def test_something_else_than_the_gdc_is_said(gdc: Download, server: Server) -> None:
    server.page = lambda endpoint, question: {"hello": "world"}
    with pytest.raises(InputError, match="another form than the GDC"):
        planned(server)
    with pytest.raises(InputError, match="expected one that starts with https"):
        Gdc("file:///etc")


@pytest.mark.parametrize("name", ["../../etc.augmented_star_gene_counts.tsv", "a/b.augmented_star_gene_counts.tsv"])
def test_a_name_that_leaves_the_folder_is_refused(gdc: Download, server: Server, name: str) -> None:
    gdc.add("rna", "TCGA-B0-0001-01A-11R-1672-07", "x", name=name, on_disk=False)
    with pytest.raises(InputError, match="without a plain name"):
        planned(server)


def test_sizes_are_those_of_the_list(gdc: Download, server: Server) -> None:
    gdc.patient(1)
    _, made = planned(server)
    assert n_bytes(made.all_files) == sum(len(data) for *_, data in gdc.files.values())
    assert n_bytes(list(from_metadata(gdc.rows()))) == n_bytes(made.all_files)


def test_projects_and_modalities_are_taken_as_people_type_them() -> None:
    assert to_projects(["kirc", "TCGA-KIRC", "tcga-gbm"]) == ("TCGA-KIRC", "TCGA-GBM")
    assert to_modalities("mirna, clinical") == ("clinical", "mirna")
    with pytest.raises(UnknownNameError, match="Did you mean 'TCGA-KIRC'"):
        to_projects(["TCGA-KIRCC"])
    with pytest.raises(UnknownNameError, match="Available: clinical, mirna, rna, slides"):
        to_modalities("rna,proteins")
