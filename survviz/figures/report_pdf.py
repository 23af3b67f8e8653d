"""A case report as PDF: real text in an embedded font, drawings as vectors, pictures as they are."""

from __future__ import annotations

import io
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, TableStyle
from reportlab.platypus import Image as Picture_
from reportlab.platypus import Table as PdfTable

from survviz.figures.fonts import font_file
from survviz.figures.patch_map import RESEARCH_USE
from survviz.figures.report import PatchPicture, Report, Section, Table
from survviz.figures.sheet import JPEG_QUALITY, Box, Gradient, Path, Picture, Shape, Sheet, Text

FONT, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MARGIN = 48
WIDTH = A4[0] - 2 * MARGIN
COLUMNS = 4
TEXT = ParagraphStyle("text", fontName=FONT, fontSize=9, leading=13, textColor=HexColor("#1a1d21"))
SMALL = ParagraphStyle("small", parent=TEXT, fontSize=7, leading=9)
HEADING = ParagraphStyle("heading", parent=TEXT, fontName=BOLD, fontSize=12, leading=16, spaceBefore=12, spaceAfter=4)
TITLE = ParagraphStyle("title", parent=TEXT, fontName=BOLD, fontSize=17, leading=22)


def report_pdf(report: Report) -> bytes:
    """The whole document; the research-use line stands on every page."""
    _register_fonts()
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{report.title} · survviz",
        author="survviz",
        subject=RESEARCH_USE,
        invariant=1,  # no date and no random id: the same report is the same file
    )
    story: list[Flowable] = [Paragraph(escape(report.title), TITLE)]
    for section in report.all_sections():
        story += _section(section)
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    return out.getvalue()


def _register_fonts() -> None:
    known = pdfmetrics.getRegisteredFontNames()
    for name, bold in ((FONT, False), (BOLD, True)):
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, font_file(bold=bold)))


def _footer(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(BOLD, 7.5)
    canvas.drawString(MARGIN, MARGIN / 2, RESEARCH_USE)
    canvas.setFont(FONT, 7.5)
    canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, f"page {document.page}")
    canvas.restoreState()


def _section(section: Section) -> list[Flowable]:
    words = [Paragraph(escape(line), TEXT) for line in section.words]
    parts: list[Flowable] = [Paragraph(escape(section.title), HEADING), *words]
    for drawing in section.drawings:
        parts += [Spacer(0, 6), DrawnSheet(drawing)]
    if section.patches:
        parts += [Spacer(0, 6), _patches(section.patches)]
    if section.table is not None:
        parts += [Spacer(0, 6), *_table(section.table)]
    return [KeepTogether(parts), Spacer(0, 6)]


class DrawnSheet(Flowable):
    """A drawing as vectors, as wide as the page allows."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.sheet = sheet
        self.factor = min(0.75, WIDTH / sheet.width, (A4[1] - 3.5 * MARGIN) / sheet.height)

    def wrap(self, *_: float) -> tuple[float, float]:
        """(width, height) in points."""
        return self.sheet.width * self.factor, self.sheet.height * self.factor

    def draw(self) -> None:
        """Draw in the sheet's own coordinates, which run downwards."""
        self.canv.saveState()
        self.canv.scale(self.factor, self.factor)
        for shape in self.sheet.shapes:
            _draw_shape(self.canv, shape, self.sheet.height)
        self.canv.restoreState()


def _draw_shape(canvas: Any, shape: Shape, height: float) -> None:
    if isinstance(shape, Text):
        _draw_text(canvas, shape, height)
    elif isinstance(shape, Path):
        path = canvas.beginPath()
        for index, (x, y) in enumerate(shape.points):
            (path.lineTo if index else path.moveTo)(x, height - y)
        canvas.setLineWidth(shape.width)
        canvas.setStrokeColor(HexColor(shape.stroke or "#000000"))
        canvas.setFillColor(HexColor(shape.fill or "#ffffff"))
        canvas.drawPath(path, stroke=int(shape.stroke is not None), fill=int(shape.fill is not None))
    elif isinstance(shape, Box):
        canvas.setLineWidth(1)
        canvas.setFillColor(HexColor(shape.fill))
        canvas.setStrokeColor(HexColor(shape.edge or shape.fill))
        canvas.rect(shape.x, height - shape.y - shape.height, shape.width, shape.height, int(shape.edge is not None), 1)
    else:
        pixels = shape.pixels if isinstance(shape, Picture) else _bar(shape)
        place = (shape.x, height - shape.y - shape.height, shape.width, shape.height)
        canvas.drawImage(ImageReader(_jpeg(pixels) if isinstance(shape, Picture) else _png(pixels)), *place)


def _draw_text(canvas: Any, shape: Text, height: float) -> None:
    canvas.setFont(BOLD if shape.bold else FONT, shape.size)
    draw = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}[shape.anchor]
    if shape.halo:
        canvas.setStrokeColor(HexColor(shape.halo))
        canvas.setLineWidth(3)
        draw(shape.x, height - shape.y, shape.words, mode=1)
    canvas.setFillColor(HexColor(shape.colour))
    draw(shape.x, height - shape.y, shape.words)


def _bar(shape: Gradient) -> NDArray[np.uint8]:
    bar = np.repeat(shape.table[None], 8, axis=0).copy()
    if shape.hidden:
        first, last = (round(edge * 256) for edge in shape.hidden)
        rows, columns = np.mgrid[0:8, first:last]
        bar[:, first:last][(rows + columns) % 4 < 3] = 255
    return bar


def _jpeg(pixels: NDArray[np.uint8]) -> io.BytesIO:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    out.seek(0)
    return out


def _png(pixels: NDArray[np.uint8]) -> io.BytesIO:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    out.seek(0)
    return out


def _patches(patches: tuple[PatchPicture, ...]) -> PdfTable:
    side = WIDTH / COLUMNS - 8
    cells = [[Picture_(_jpeg(patch.pixels), side, side), Paragraph(escape(patch.words), SMALL)] for patch in patches]
    cells += [[Paragraph("", SMALL)]] * (-len(cells) % COLUMNS)
    rows = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    grid = PdfTable(rows, colWidths=[WIDTH / COLUMNS] * COLUMNS)
    grid.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return grid


def _table(table: Table) -> list[Flowable]:
    rows = [[Paragraph(escape(cell), SMALL) for cell in row] for row in (table.columns, *table.rows)]
    grid = PdfTable(rows, repeatRows=1)
    grid.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#d6d9dd"))]))
    return [Paragraph(escape(table.caption), SMALL), grid]
