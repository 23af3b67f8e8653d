"""A case report as one HTML file that needs nothing else: drawings inside, no script, no address."""

from __future__ import annotations

from html import escape

from survviz.figures.patch_map import RESEARCH_USE
from survviz.figures.report import PatchPicture, Report, Section, Table
from survviz.figures.sheet import data_uri, to_svg

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif; color: #1a1d21; background: #fff; }
body { max-width: 1080px; margin: 0 auto; padding: 24px; }
header { border-bottom: 2px solid #1a1d21; margin-bottom: 20px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 28px 0 8px; break-after: avoid; }
p { margin: 4px 0; } .use { font-weight: bold; }
svg { max-width: 100%; height: auto; } section { break-inside: avoid-page; }
.patches { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
figure { margin: 0; } figure img { width: 100%; display: block; } figcaption { font-size: 12px; }
table { border-collapse: collapse; font-size: 13px; } caption { text-align: left; font-size: 13px; padding: 4px 0; }
th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid #d6d9dd; }
footer { border-top: 1px solid #1a1d21; margin-top: 28px; padding-top: 8px; }
""".replace("\n", " ")

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_html(report: Report) -> str:
    """The whole document."""
    parts = [_section(section, f"s{index}") for index, section in enumerate(report.all_sections())]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(report.title)} · survviz</title><style>{STYLE}</style></head><body>",
            f'<header><h1>{escape(report.title)}</h1><p class="use">{RESEARCH_USE}</p></header>',
            *parts,
            f'<footer><p class="use">{RESEARCH_USE}</p></footer></body></html>\n',
        ]
    )


def _section(section: Section, name: str) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(words)}</p>" for words in section.words]
    parts += [to_svg(drawing, f"{name}d{index}") for index, drawing in enumerate(section.drawings)]
    if section.patches:
        parts.append(f'<div class="patches">{"".join(map(_patch, section.patches))}</div>')
    if section.table is not None:
        parts.append(_table(section.table))
    return "\n".join([*parts, "</section>"])


def _patch(patch: PatchPicture) -> str:
    words = escape(patch.words)
    return f'<figure><img src="{data_uri(patch.pixels)}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return (
        f"<table><caption>{escape(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
