// The slide in OpenSeadragon, with the map's canvas, boxes, overview, scale bar and read-out on top of it.

import { reason } from "./maps.js";
import { recall, remember } from "./memory.js";
import { imageToCanvas, paintBoxes, paintLayer } from "./overlay.js";
import { openViewer } from "./deepzoom.js";
import { button, element } from "./panel.js";
import { integer, scaleBar, times, weight } from "./scales.js";

const YELLOW = "#ffd400";
const WHITE = "#ffffff";
const WIDEST_BAR = 150;
const SMALLEST = 10;

// `clicked(index, map)` is called for a click on a patch; `fullScreen()` by its button.
export class Stage {
  constructor(OpenSeadragon, key, { clicked, fullScreen }) {
    this.OpenSeadragon = OpenSeadragon;
    this.density = OpenSeadragon.pixelDensityRatio;
    this.key = key;
    this.clicked = clicked;
    this.map = null;
    this.smooth = false;
    this.opacity = 0;
    this.hovered = this.selected = -1;
    this.build(fullScreen);
    this.resizing = new ResizeObserver(() => this.resized());
    this.resizing.observe(this.element);
  }

  build(fullScreen) {
    this.message = element("div", { class: "message", role: "status" });
    this.readout = element("div", { class: "panel readout", hidden: true });
    this.bar = element("div", { class: "bar" });
    this.barText = element("div", { class: "bar-text" });
    this.scale = element("div", { class: "panel scale" }, this.bar, this.barText);
    this.heat = element("canvas", { class: "layer" });
    this.marks = element("canvas", { class: "layer" });
    this.host = element("div", { class: "osd" });
    this.buttons = element(
      "div", { class: "buttons", role: "group", "aria-label": "View" },
      button("in", "Zoom in (+)", () => this.zoom(2)),
      button("out", "Zoom out (−)", () => this.zoom(0.5)),
      button("home", "Whole slide (0)", () => this.home()),
      button("left", "Rotate left (Shift R)", () => this.rotate(-90)),
      button("right", "Rotate right (R)", () => this.rotate(90)),
      button("map", "Overview on or off (M)", () => this.toggleOverview()),
      button("full", "Full screen (F)", fullScreen),
    );
    this.element = element("div", { class: "stage" }, this.host, this.message, this.readout, this.buttons, this.scale);
    this.element.addEventListener("pointermove", (event) => this.hover(event));
    this.element.addEventListener("pointerleave", () => this.hover(null));
  }

  // ---- opening and closing

  open(slide, root) {
    this.close();
    this.slide = slide;
    this.goneTo = this.pendingGoto = this.pointed = null;
    this.buttons.hidden = this.scale.hidden = !slide;
    if (!slide) return this.say("No slide is loaded. Choose a case first.", true);
    this.say(slide.token ? "Loading the slide…" : "");
    this.start = () => this.openNow(slide, root);
    this.resized();
  }

  openNow(slide, root) {
    this.start = null;
    this.loaded = 0;
    this.explained = this.squeezed = false;
    this.osd = openViewer(this.OpenSeadragon, this.host, slide, `${root}/tiles/${slide.token}`);
    this.osd.addHandler("open", () => this.opened());
    this.osd.addHandler("tile-loaded", () => this.loaded++ || this.say(""));
    this.osd.addHandler("tile-load-failed", (event) => this.tileFailed(event.tile));
    this.osd.addHandler("after-resize", () => this.afterResize());
    this.osd.addHandler("update-viewport", () => this.draw());
    this.osd.addHandler("canvas-click", (event) => this.click(event));
    this.osd.addHandler("canvas-key", (event) => (event.preventDefaultAction = true)); // the viewer reads the keys
    this.osd.addHandler("animation-finish", () => this.keepView());
  }

  opened() {
    const { canvas, navigator } = this.osd;
    canvas.append(this.heat, this.marks);
    this.overview = element("canvas", { class: "layer" });
    navigator.canvas.append(this.overview);
    navigator.element.classList.add("overview");
    navigator.addHandler("update-viewport", () => this.drawOverview());
    this.setOpacity(this.opacity);
    this.restoreView();
    if (this.pendingGoto) this.goto(this.pendingGoto);
    this.draw();
  }

  async tileFailed(tile) {
    if (this.loaded || this.explained) return;
    this.explained = true;
    const answer = await fetch(tile.getUrl());
    const why = answer.ok ? "Some tiles could not be loaded." : await reason(answer);
    this.say(`Slide file is not available. ${why}`, true);
  }

  close() {
    this.start = null;
    if (!this.osd) return;
    this.keepView();
    this.osd.destroy();
    this.osd = this.overview = null;
    this.selected = this.hovered = -1;
  }

  destroy() {
    this.close();
    this.resizing.disconnect();
  }

  say(text, problem = false) {
    this.message.textContent = text;
    this.message.hidden = !text;
    this.message.classList.toggle("problem", problem);
  }

  // ---- the view

  get viewName() {
    return this.slide.token ?? this.slide.slide_id;
  }

  get width() {
    return this.osd.viewport.getContainerSize().x;
  }

  keepView() {
    if (!this.osd.isOpen() || this.width < SMALLEST) return;
    const { viewport } = this.osd;
    const view = { centre: viewport.getCenter(), scale: viewport.getZoom() / this.width, rotation: viewport.getRotation() };
    remember({ ...view, goneTo: this.goneTo, selected: this.selected }, this.key, this.viewName);
  }

  restoreView() {
    const view = recall(this.key, this.viewName);
    if (!view) return this.osd.viewport.goHome(true);
    this.goneTo = view.goneTo;
    this.selected = view.selected;
    this.osd.viewport.setRotation(view.rotation, true);
    this.osd.viewport.zoomTo(view.scale * this.width, null, true);
    this.osd.viewport.panTo(view.centre, true);
  }

  // In a hidden tab the stage has no size: the slide is opened when it first gets one, and its view restored whenever
  // it gets one again.
  resized() {
    if (this.element.clientWidth < SMALLEST) return;
    this.start?.();
    this.redraw();
  }

  afterResize() {
    const squeezed = this.width < SMALLEST;
    if (this.squeezed && !squeezed) this.restoreView();
    this.squeezed = squeezed;
  }

  zoom(factor) {
    this.osd?.viewport.zoomBy(factor).applyConstraints();
  }

  pan(x, y) {
    const by = this.osd?.viewport.deltaPointsFromPixels(new this.OpenSeadragon.Point(x, y));
    this.osd?.viewport.panBy(by).applyConstraints();
  }

  home() {
    this.osd?.viewport.setRotation(0);
    this.osd?.viewport.goHome();
  }

  rotate(degrees) {
    this.osd?.viewport.rotateBy(degrees);
  }

  toggleOverview() {
    this.osd?.navigator.element.classList.toggle("off");
  }

  goto({ x, y, w, h }) {
    this.pendingGoto = { x, y, w, h };
    if (!this.osd?.isOpen()) return;
    this.pendingGoto = null;
    this.goneTo = { x, y, w, h };
    const side = Math.max(w, h) * 5; // the square with its surroundings
    const rect = [x + (w - side) / 2, y + (h - side) / 2, side, side].map((value) => value / this.slide.width);
    this.osd.viewport.fitBounds(new this.OpenSeadragon.Rect(...rect));
    this.redraw();
  }

  point(box) {
    this.pointed = box;
    this.redraw();
  }

  unmark() {
    this.goneTo = null;
    this.selected = -1;
    this.redraw();
  }

  // ---- painting

  show(map, smooth) {
    this.map = map;
    this.smooth = smooth;
    this.draw();
    this.drawOverview();
    this.redraw();
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.heat.style.opacity = opacity;
    if (this.overview) this.overview.style.opacity = opacity;
  }

  redraw() {
    this.osd?.forceRedraw();
  }

  fit(canvas, container) {
    const width = Math.round(container.clientWidth * this.density);
    const height = Math.round(container.clientHeight * this.density);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    return width > 0 && height > 0;
  }

  draw() {
    if (!this.osd?.isOpen() || !this.fit(this.heat, this.osd.canvas)) return;
    this.fit(this.marks, this.osd.canvas);
    const map = imageToCanvas(this.OpenSeadragon, this.osd.viewport, this.slide.width, this.density);
    paintLayer(this.heat, map, this.map, this.smooth);
    paintBoxes(this.marks, map, this.boxes(), this.density);
    this.drawScale(map.scale / this.density);
  }

  drawOverview() {
    const navigator = this.osd?.navigator;
    if (!this.overview || !navigator?.isOpen() || !this.fit(this.overview, navigator.canvas)) return;
    const map = imageToCanvas(this.OpenSeadragon, navigator.viewport, this.slide.width, this.density);
    paintLayer(this.overview, map, this.map, this.smooth);
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

  // ---- pointer

  patchAt(point) {
    if (!this.map || !this.osd?.isOpen()) return -1;
    const at = this.osd.viewport.pointFromPixel(point, true).times(this.slide.width);
    return this.map.layout.at(at.x, at.y);
  }

  click(event) {
    if (!event.quick) return;
    this.unmark();
    this.selected = this.patchAt(event.position);
    if (this.selected >= 0) this.clicked(this.selected, this.map);
  }

  hover(event) {
    const covered = event?.composedPath().some((node) => node.classList?.contains("panel") || node.classList?.contains("overview"));
    const box = this.host.getBoundingClientRect();
    const over = event && !covered;
    const index = over ? this.patchAt(new this.OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top)) : -1;
    if (index === this.hovered) return;
    this.hovered = index;
    this.readout.hidden = index < 0;
    this.redraw();
    if (index >= 0) this.read(index);
  }

  read(index) {
    const { values, summary, layout, view } = this.map;
    const fold = values[index];
    const rank = summary.n - Math.round(summary.rank[index] * (summary.n - 1));
    this.readout.replaceChildren(
      element("strong", {}, `${times(fold)} uniform`),
      ` · weight ${weight(fold / view.n_case)} · rank ${integer(rank)} of ${integer(summary.n)}`,
      element("span", { class: "where" }, `x ${integer(layout.corners[2 * index])}, y ${integer(layout.corners[2 * index + 1])}`),
    );
  }
}
