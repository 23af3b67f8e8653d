// What is painted on a slide: the map's canvas, marks, overview, and the scale bar. Pure drawing; where to look is
// decided in stage.js.

import { imageToCanvas, paintBoxes, paintLayer } from "./overlay.js";
import { element } from "./panel.js";
import { integer, scaleBar } from "./scales.js";

const YELLOW = "#ffd400";
const WHITE = "#ffffff";
const GREY = "grayscale(1) contrast(0.9) brightness(1.08)";
const WIDEST_BAR = 150;

export class Surface {
  constructor(OpenSeadragon) {
    this.OpenSeadragon = OpenSeadragon;
    this.density = OpenSeadragon.pixelDensityRatio;
    this.osd = this.overview = null;
    this.map = this.layer = null;
    this.smooth = false;
    this.opacity = 0;
    this.hovered = this.selected = -1;
    this.goneTo = this.pointed = null;
    this.heat = element("canvas", { class: "layer" });
    this.marks = element("canvas", { class: "layer" });
    this.inView = element("div", { class: "in-view" });
    this.bar = element("div", { class: "bar" });
    this.barText = element("div", { class: "bar-text" });
    this.scale = element("div", { class: "panel scale" }, this.bar, this.barText);
  }

  show(map, layer, smooth) {
    Object.assign(this, { map, layer, smooth });
    this.shade();
    this.draw();
    this.drawOverview();
    this.redraw();
  }

  // Signed colours collide with those of H&E: the slide under them is grey.
  shade() {
    const filter = this.layer?.signed && this.opacity > 0 ? GREY : "";
    if (this.isOpen) for (const one of [this.osd, this.osd.navigator]) one.drawer.canvas.style.filter = filter;
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.heat.style.opacity = opacity;
    if (this.overview) this.overview.style.opacity = opacity;
    this.shade();
  }

  redraw() {
    this.osd?.forceRedraw();
    this.on.redrawn?.();
  }

  fit(canvas, container) {
    const width = Math.round(container.clientWidth * this.density);
    const height = Math.round(container.clientHeight * this.density);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    return width > 0 && height > 0;
  }

  draw() {
    if (!this.isOpen || !this.fit(this.heat, this.osd.canvas)) return;
    this.fit(this.marks, this.osd.canvas);
    const map = imageToCanvas(this.OpenSeadragon, this.osd.viewport, this.slide.width, this.density);
    paintLayer(this.heat, map, this.layer, this.smooth);
    paintBoxes(this.marks, map, this.boxes(), this.density);
    for (const paint of this.painters) paint(this.marks.getContext("2d"), map, this.density);
    this.drawScale(map.scale / this.density);
    this.drawInView();
    this.on.moved?.();
  }

  // The part of the slide that is in view, framed on the overview and never beyond it.
  drawInView() {
    const { viewport, navigator } = this.osd;
    if (!navigator.isOpen()) return;
    const per = (one) => one.getZoom(true) * one.getContainerSize().x; // CSS pixels per width of the slide
    const centre = navigator.viewport.pixelFromPoint(viewport.getCenter(true), true);
    const half = viewport.getContainerSize().times(per(navigator.viewport) / per(viewport) / 2);
    const whole = navigator.viewport.getContainerSize();
    const [left, right] = [centre.x - half.x, centre.x + half.x].map((x) => Math.min(Math.max(x, 0), whole.x));
    const [top, bottom] = [centre.y - half.y, centre.y + half.y].map((y) => Math.min(Math.max(y, 0), whole.y));
    Object.assign(this.inView.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  }

  drawOverview() {
    const navigator = this.osd?.navigator;
    if (navigator) this.drawInView();
    if (!this.overview || !navigator?.isOpen() || !this.fit(this.overview, navigator.canvas)) return;
    const map = imageToCanvas(this.OpenSeadragon, navigator.viewport, this.slide.width, this.density);
    paintLayer(this.overview, map, this.layer, this.smooth);
  }

  boxes() {
    const boxes = [];
    const patch = (index, style) => {
      const { corners, patch: side } = this.map.layout;
      boxes.push({ x: corners[2 * index], y: corners[2 * index + 1], w: side, h: side, ...style });
    };
    const { width: w, height: h } = this.slide;
    if (!this.slide.token) boxes.push({ x: 0, y: 0, w, h, colour: "#8a979c", width: 1 });
    if (this.map && this.hovered >= 0) patch(this.hovered, { colour: WHITE, width: 1 });
    if (this.map && this.selected >= 0) patch(this.selected, { colour: WHITE, width: 2 });
    if (this.goneTo) boxes.push({ ...this.goneTo, colour: YELLOW, width: 3 });
    if (this.pointed) boxes.push({ ...this.pointed, colour: YELLOW, width: 3, dash: [6, 3] });
    return boxes;
  }

  // `scale` is CSS pixels per level-0 pixel.
  drawScale(scale) {
    const { mpp, mpp_source } = this.slide;
    const bar = scaleBar((mpp ?? 1) / scale, WIDEST_BAR);
    this.bar.style.width = `${bar.px}px`;
    if (!mpp) {
      this.barText.textContent = `${integer(bar.length)} px · pixel size unknown`;
      return;
    }
    const power = (10 * scale) / mpp; // 10x is 1 µm per pixel
    const given = mpp_source === "person" ? " · pixel size entered by hand" : "";
    this.barText.textContent = `${bar.text} · ${power >= 10 ? Math.round(power) : power.toPrecision(2)}×${given}`;
  }
}
