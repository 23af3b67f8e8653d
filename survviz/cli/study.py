"""`survviz study`: make a reader study from a cohort, export its answers, analyse them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from survviz.cli.console import progress_bar, show_json
from survviz.errors import InputError

if TYPE_CHECKING:
    from survviz.data.cohort import Cohort
    from survviz.evaluation import Interval
    from survviz.study import StudyMap, StudyResults

study = typer.Typer(
    name="study", help="Reader studies: readers rate slides under real, shuffled or uniform maps.", no_args_is_help=True
)
stdout = Console(highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
StudyFile = Annotated[Path, typer.Argument(help="Study file, or the folder that holds study.toml.")]
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class NewStudy:
    """What `survviz study init` was asked for."""

    out: Path
    cohort: Path
    checkpoint: Path
    query: str
    token: str
    cases: tuple[str, ...]
    readers: int
    seed: int
    id: str


@study.command()
def init(
    out: Annotated[Path, typer.Argument(help="New folder for study.toml and its maps.")],
    cohort: Annotated[Path, typer.Option(help="Cohort folder with slide files.")],
    checkpoint: Annotated[Path, typer.Option("--checkpoint", "-c", help="Checkpoint folder whose maps are shown.")],
    query: Annotated[str, typer.Option(help="Who looks at the slide: clinical, genomic or case.")] = "clinical",
    token: Annotated[str, typer.Option(help="Sentence or programme, or all.")] = "all",
    case: Annotated[list[str] | None, typer.Option(help="Case to include; repeat. Default: all with a slide.")] = None,
    readers: Annotated[int, typer.Option(min=1, help="Number of readers; each gets a code.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of order and kinds of map.")] = 0,
    id: Annotated[str | None, typer.Option(help="Names the folder of the answers. Default: the folder's name.")] = None,
    enable: Annotated[bool, typer.Option("--enable/--no-enable", help="Show the study in the app at once.")] = True,
    json: Json = False,
) -> None:
    """Write a study of a cohort's slides: frozen maps, and a study.toml to edit. The first case is the tutorial."""
    from survviz.study import enable_study

    asked = NewStudy(out, cohort, checkpoint, query, token, tuple(case or ()), readers, seed, id or out.resolve().name)
    path = make_study(asked)
    shown_by = enable_study(path) if enable else None
    if json:
        show_json({"study": path, "enabled": shown_by})
        return
    stdout.print(f"Wrote {path}. Edit its consent text and questions before the first reader begins.", markup=False)
    if shown_by:
        stdout.print(f"The app now has the page Reader study; delete {shown_by} to hide it.", markup=False)
    else:
        stdout.print(f"To show it: SURVVIZ_READER_STUDY={path} streamlit run app.py", markup=False)


@study.command()
def export(
    study_file: StudyFile,
    out: Annotated[Path, typer.Option(help="Folder for answers.csv and codebook.md.")],
    json: Json = False,
) -> None:
    """Write all answers so far as CSV, with a codebook."""
    from survviz.study import load_study, write_export

    written = write_export(load_study(study_file), out)
    if json:
        show_json({"written": written})
    else:
        stdout.print(f"Wrote {' and '.join(map(str, written))}", markup=False)


@study.command()
def analyse(
    study_file: StudyFile,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples of cases.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    json: Json = False,
) -> None:
    """Agreement between readers; ratings, time and chosen regions by kind of map."""
    from survviz.study import analyse as analyse_study
    from survviz.study import load_study

    results = analyse_study(load_study(study_file), n_resamples=resamples, seed=seed)
    show_json(results) if json else _show(results)


def make_study(asked: NewStudy) -> Path:
    """Compute and freeze the maps, and write study.toml.

    Raises:
        InputError: the folder has a study, a case has no slide or map, or there are fewer than two cases.
    """
    from survviz.data.cohort import load_cohort
    from survviz.pipeline.predictor import Predictor
    from survviz.study import load_study, write_map

    target = asked.out / "study.toml"
    if target.exists():
        raise InputError(f"{target} is there already. Choose another folder; a running study must not be overwritten.")
    cohort = load_cohort(asked.cohort)
    slides = _slides(cohort, asked.cases)
    if len(slides) < 2:
        raise InputError(f"{len(slides)} case with a slide file was found; expected two or more, one for the tutorial.")
    predictor = Predictor.load(asked.checkpoint)
    rows = []
    with progress_bar("maps") as progress:
        for number, (case, slide, path, mpp) in enumerate(slides, 1):
            file = Path("maps") / f"{slide}.safetensors"
            write_map(asked.out / file, _map(predictor, cohort, case, slide, asked))
            rows.append((slide, path, file, mpp))
            progress(number, len(slides))
    target.write_text(_toml(asked, rows), encoding="utf-8")
    load_study(target)
    return target


def _slides(cohort: Cohort, cases: Sequence[str]) -> list[tuple[str, str, Path, float | None]]:
    """(case, slide, file, mpp where the table gives one) of the first slide file of each case."""
    table = cohort.slides
    unknown = sorted(set(cases) - set(table["case_id"]))
    if unknown:
        raise InputError(f"The cohort has no slide of {', '.join(unknown)}. Choose cases of its slides.csv.")
    found: dict[str, tuple[str, str, Path, float | None]] = {}
    for case, slide, path, mpp in zip(table["case_id"], table["slide_id"], table["path"], table["mpp"], strict=True):
        if path and Path(path).is_file() and (not cases or case in cases) and case not in found:
            found[case] = (case, slide, Path(path).resolve(), float(mpp) if mpp == mpp else None)
    if lacking := [case for case in cases if case not in found]:
        raise InputError(f"No slide file was found of {', '.join(lacking)}; a reader study needs the slides.")
    return [found[case] for case in cases] if cases else list(found.values())


def _map(predictor: object, cohort: Cohort, case: str, slide: str, asked: NewStudy) -> StudyMap:
    from survviz.pipeline.predictor import Predictor
    from survviz.study import StudyMap

    assert isinstance(predictor, Predictor)
    maps = predictor.explain(cohort.case(case), query=asked.query, token=asked.token)
    one = next(each for each in maps if each.slide_id == slide)
    return StudyMap(one.coords, one.fold_over_uniform, one.patch_size_level0, one.semantics)


def _toml(asked: NewStudy, rows: Sequence[tuple[str, Path, Path, float | None]]) -> str:
    """The study file, to be edited by a person."""
    template = (Path(__file__).with_name("study_template.toml")).read_text(encoding="utf-8")
    codes = [
        f"r{number}-{''.join(secrets.choice(CODE_LETTERS) for _ in range(4))}" for number in range(1, asked.readers + 1)
    ]
    tutorial, *cases = [_case_toml(row, asked.out.resolve()) for row in rows]
    return template.format(
        id=json.dumps(asked.id),
        seed=asked.seed,
        readers=json.dumps(codes),
        tutorial=tutorial,
        cases="\n".join(f"[[cases]]\n{case}" for case in cases),
    )


def _case_toml(row: tuple[str, Path, Path, float | None], folder: Path) -> str:
    name, slide, map_file, mpp = row
    near = slide.is_relative_to(folder.parent.parent)  # a study beside its slides can be moved with them
    shown = Path(os.path.relpath(slide, folder)) if near else slide
    lines = [f"name = {json.dumps(name)}", f"slide = {json.dumps(shown.as_posix())}"]
    lines.append(f"map = {json.dumps(map_file.as_posix())}")
    return "\n".join([*lines, *([f"mpp = {mpp:g}"] if mpp else [])]) + "\n"


def _show(results: StudyResults) -> None:
    stdout.print(
        f"{results.study}: {results.n_answers} answers of {results.n_readers} readers ({results.complete} complete) on "
        f"{results.n_cases} cases; left out: {results.damaged} damaged lines, {results.repeated} repeated answers",
        markup=False,
    )
    table = Table("question", "agreement", "value (95 % interval)", "cases", "readers")
    for one in results.agreement:
        words = _number(one.value, one.interval) or "undefined"
        table.add_row(one.question, one.statistic, words, str(one.n_cases), str(one.n_readers))
    stdout.print(table)
    for reason in dict.fromkeys(f"{one.question}: undefined: {one.reason}" for one in results.agreement if one.reason):
        stdout.print(reason, markup=False)
    table = Table("measure", "question", "map", "value (95 % interval)", "answers", "cases")
    for row in results.by_condition:
        words = _number(row.value, row.interval)
        table.add_row(row.measure, row.question, row.condition, words, str(row.n_answers), str(row.n_cases))
    stdout.print(table)
    stdout.print("Intervals: bootstrap over cases; the readers are taken as they are (docs/reader_study.md).")


def _number(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" + (f" ({interval.low:.2f} to {interval.high:.2f})" if interval else "")
