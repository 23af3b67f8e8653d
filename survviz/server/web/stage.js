// One slide in OpenSeadragon, with the map's canvas, marks, overview, scale bar and read-out on top of it.

import { openViewer, overviewSize } from "./deepzoom.js";
import { reason } from "./maps.js";
import { recall, remember } from "./memory.js";
import { button, element } from "./panel.js";
import { Pointer } from "./pointer.js";
import { Surface } from "./surface.js";

const SMALLEST = 10;

// on: {clicked(index), settled(), moved(), redrawn(), leads(), follows(), fullScreen()}, each optional; leads: a person
// moves it; follows: whether another stage does;
// readout: false shows no values on hover. common: {painters, tool} of another stage, to share them.
export class Stage extends Surface {
  constructor(OpenSeadragon, key, on = {}, common = { painters: new Set(), tool: null }) {
    super(OpenSeadragon);
    this.key = key;
    this.on = on;
    this.common = common;
    this.build();
    this.pointer = new Pointer(this);
    this.resizing = new ResizeObserver(() => this.resized());
    this.resizing.observe(this.element);
  }

  // fn(context, map, density) that draw after the map and the boxes.
  get painters() {
    return this.common.painters;
  }

  // null or {pointerdown, pointermove, pointerup, key, cursor}; see pointer.js.
  get tool() {
    return this.common.tool;
  }

  set tool(tool) {
    this.common.tool = tool;
  }

  build() {
    this.message = element("div", { class: "message", role: "status" });
    this.readout = element("div", { class: "panel readout", hidden: true });
    this.host = element("div", { class: "osd" });
    this.buttons = element(
      "div", { class: "buttons", role: "group", "aria-label": "View" },
      button("in", "Zoom in (+)", () => this.zoom(2)),
      button("out", "Zoom out (−)", () => this.zoom(0.5)),
      button("home", "Whole slide (0)", () => this.home()),
      button("left", "Rotate left (Shift R)", () => this.rotate(-90)),
      button("right", "Rotate right (R)", () => this.rotate(90)),
      button("map", "Overview on or off (M)", () => this.toggleOverview()),
    );
    if (this.on.fullScreen) this.buttons.append(button("full", "Full screen (F)", this.on.fullScreen));
    this.element = element("div", { class: "stage" }, this.host, this.message, this.readout, this.buttons, this.scale);
  }

  // ---- opening and closing

  open(slide, root) {
    this.close();
    this.slide = slide;
    this.goneTo = this.pendingGoto = this.pendingView = this.pointed = null;
    this.buttons.hidden = this.scale.hidden = !slide;
    if (!slide) return this.say("No slide is loaded. Choose a case first.", true);
    this.say(slide.token ? "Loading the slide…" : "");
    this.start = () => this.openNow(slide, root);
    this.resized();
  }

  openNow(slide, root) {
    this.start = this.size = null;
    this.loaded = 0;
    this.explained = this.squeezed = false;
    this.osd = openViewer(this.OpenSeadragon, this.host, slide, `${root}/tiles/${slide.token}`);
    this.osd.addHandler("open", () => this.opened());
    this.osd.addHandler("tile-loaded", () => this.loaded++ || this.say(""));
    this.osd.addHandler("tile-load-failed", (event) => this.tileFailed(event.tile));
    this.osd.addHandler("after-resize", () => this.afterResize());
    this.osd.addHandler("update-viewport", () => this.draw());
    this.osd.addHandler("canvas-click", (event) => this.pointer.click(event));
    this.osd.addHandler("canvas-key", (event) => (event.preventDefaultAction = true)); // the workbench reads the keys
    this.osd.addHandler("animation-finish", () => this.settle());
  }

  opened() {
    const { canvas, navigator } = this.osd;
    canvas.append(this.heat, this.marks);
    this.overview = element("canvas", { class: "layer" });
    navigator.canvas.append(this.overview, this.inView);
    navigator.element.classList.add("overview");
    navigator.addHandler("update-viewport", () => this.drawOverview());
    this.size = this.osd.viewport.getContainerSize();
    this.setOpacity(this.opacity);
    this.shade();
    this.restoreView();
    if (this.pendingView) this.setViewport(this.pendingView, true);
    if (this.pendingGoto) this.goto(this.pendingGoto);
    this.draw();
    this.settle();
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
    this.map = this.layer = null;
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

  // OpenSeadragon has a slide a moment before it says so, and `opened` has not run then.
  get isOpen() {
    return Boolean(this.size && this.osd?.isOpen());
  }

  get width() {
    return this.osd.viewport.getContainerSize().x;
  }

  // {x, y: centre in level-0 pixels, scale: CSS pixels per level-0 pixel, rotation: degrees}, or null while closed.
  viewport(current = false) {
    if (!this.isOpen || this.width < SMALLEST) return this.pendingView ?? null;
    const { viewport } = this.osd;
    const centre = viewport.getCenter(current);
    const { width } = this.slide;
    const scale = (viewport.getZoom(current) * this.width) / width;
    return { x: centre.x * width, y: centre.y * width, scale, rotation: viewport.getRotation(current) };
  }

  setViewport(view, immediately = false) {
    this.pendingView = view;
    if (!view || !this.isOpen || this.width < SMALLEST) return;
    this.pendingView = null;
    const { viewport } = this.osd;
    const { width } = this.slide;
    viewport.setRotation(view.rotation ?? 0, immediately);
    viewport.zoomTo((view.scale * width) / this.width, null, immediately);
    viewport.panTo(new this.OpenSeadragon.Point(view.x / width, view.y / width), immediately);
  }

  settle() {
    this.keepView();
    this.on.settled?.();
  }

  keepView() {
    const view = this.isOpen && this.viewport(); // a view that waits for its slide has not been seen yet
    if (view) remember({ ...view, whole: this.isWhole() }, this.key, this.slide.token ?? this.slide.slide_id);
  }

  restoreView() {
    const view = recall(this.key, this.slide.token ?? this.slide.slide_id);
    if (view && !view.whole) this.setViewport(view, true);
    else this.osd.viewport.goHome(true);
  }

  // In a hidden tab the stage has no size: the slide is opened when it first gets one, and its view restored whenever
  // it gets one again.
  resized() {
    if (this.element.clientWidth < SMALLEST) return;
    this.start?.();
    this.redraw();
  }

  // A slide that was shown whole is still so; any other view keeps its centre and scale.
  afterResize() {
    const squeezed = this.width < SMALLEST;
    if (squeezed) return (this.squeezed = true);
    if (this.squeezed) this.restoreView();
    else queueMicrotask(() => this.fitAgain()); // OpenSeadragon sets the scale after it has told
    this.squeezed = false;
    const { width, height } = overviewSize(this.host, this.slide);
    this.osd.navigator.setWidth(width);
    this.osd.navigator.setHeight(height);
  }

  fitAgain() {
    if (!this.isOpen) return;
    const now = this.osd.viewport.getContainerSize();
    const whole = this.isWhole();
    if (whole && now.x === this.size.x && now.y >= this.size.y) return; // a line less of notes must not zoom
    this.size = now;
    if (whole && !this.on.follows?.()) this.osd.viewport.goHome(true);
  }

  // Whether the whole slide fits exactly the stage that it was opened or fitted in, as after home().
  isWhole() {
    const { x, y } = this.size;
    const { width, height } = this.slide;
    const view = this.viewport();
    const scale = Math.min(x / width, y / height);
    const near = (a, b, by) => Math.abs(a - b) * by < 2;
    return view.rotation === 0 && near(view.scale / scale, 1, 100) && near(view.x, width / 2, scale) && near(view.y, height / 2, scale);
  }

  lead() {
    this.on.leads?.();
  }

  zoom(factor) {
    this.lead();
    this.osd?.viewport.zoomBy(factor).applyConstraints();
  }

  pan(x, y) {
    this.lead();
    const by = this.osd?.viewport.deltaPointsFromPixels(new this.OpenSeadragon.Point(x, y));
    if (by) this.osd.viewport.panBy(by).applyConstraints();
  }

  home() {
    this.lead();
    this.osd?.viewport.setRotation(0);
    this.osd?.viewport.goHome();
  }

  rotate(degrees) {
    this.lead();
    this.osd?.viewport.rotateBy(degrees);
  }

  toggleOverview() {
    this.osd?.navigator.element.classList.toggle("off");
  }

  // The box with its surroundings, marked in yellow.
  goto({ x, y, w, h }) {
    this.pendingGoto = { x, y, w, h };
    if (!this.isOpen) return;
    this.lead();
    this.pendingGoto = null;
    this.goneTo = { x, y, w, h };
    const side = Math.max(w, h) * 5;
    const { clientWidth, clientHeight } = this.element;
    const { rotation } = this.viewport();
    this.setViewport({ x: x + w / 2, y: y + h / 2, scale: Math.min(clientWidth, clientHeight) / side, rotation });
    this.redraw();
  }

  point(box) {
    this.pointed = box;
    this.redraw();
  }

  unmark() {
    this.goneTo = null;
    this.redraw();
  }
}
