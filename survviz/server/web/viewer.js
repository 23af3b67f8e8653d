// The slide viewer. Streamlit calls `render` on mount and on every change of data, always with the same parentElement;
// what is drawn lives in a SlideViewer per parentElement, and only what changed is applied.

import { COLORMAPS } from "./colormaps.js";
import { colourise, gridImage, imageToCanvas, Layout, paintBoxes, paintLayer } from "./overlay.js";
import { button, controls, element, labelled, legend } from "./panel.js";
import { clamp, integer, SCALES, scaleBar, summarise, times, weight } from "./scales.js";

const DEFAULTS = { visible: true, opacity: 0.45, threshold: 0, scale: "fold", range: 4, colormap: "viridis", smooth: false };
const YELLOW = "#ffd400";
const KEYS = "Space: look under the map · H: map on, off · [ ]: opacity · + − 0: zoom · R: rotate · F: full screen";
const viewers = new WeakMap();
const remembered = (window.survvizViews ??= new Map()); // key -> settings; key and slide -> view. Lasts as long as the tab.

let library;
function loadOpenSeadragon() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: new URL("openseadragon.min.js", import.meta.url).href });
    script.onload = () => resolve(window.OpenSeadragon);
    script.onerror = () => reject(new Error("OpenSeadragon could not be loaded. Reload the page."));
    document.head.append(script);
  });
  return library;
}

export async function render(component) {
  const host = component.parentElement;
  if (!viewers.has(host)) {
    const style = element("link", { rel: "stylesheet", href: new URL("viewer.css", import.meta.url).href });
    const styled = new Promise((resolve) => (style.onload = style.onerror = resolve));
    host.append(style);
    viewers.set(host, Promise.all([loadOpenSeadragon(), styled]).then(([osd]) => new SlideViewer(osd, host, component)));
  }
  const viewer = await viewers.get(host);
  viewer.update(component);
  return () => {
    viewers.delete(host);
    viewer.destroy();
  };
}

// Whether a key belongs to the control that has the focus, and not to the view.
function keyOfControl({ target, key }) {
  if (target.matches("select")) return true;
  if (target.matches("[type=range]")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return key === " " || key === "Enter";
}

class SlideViewer {
  constructor(OpenSeadragon, host, component) {
    this.OpenSeadragon = OpenSeadragon;
    this.data = component.data;
    this.settings = { ...DEFAULTS, ...remembered.get(this.data.key) };
    this.layouts = new Map(); // layout token -> Promise<Layout>
    this.maps = new Map(); // map token -> Promise<map>
    this.map = null; // the one on show
    this.hoverIndex = this.selected = -1;
    this.build(host);
    this.resizing = new ResizeObserver(() => this.resized());
    this.resizing.observe(this.stage);
    this.density = OpenSeadragon.pixelDensityRatio;
  }

  build(host) {
    this.legend = legend();
    this.controls = controls(this.settings, (name, value) => this.set(name, value));
    this.picker = element("select", { onchange: () => this.choose(this.picker.value, true) });
    this.pickerField = labelled("Map", this.picker);
    this.pickerField.classList.add("picker");
    this.controls.fields.prepend(this.pickerField);
    this.message = element("div", { class: "message", role: "status" });
    this.readout = element("div", { class: "panel readout", "aria-live": "off", hidden: true });
    this.bar = element("div", { class: "bar" });
    this.barText = element("div", { class: "bar-text" });
    this.scalePanel = element("div", { class: "panel scale" }, this.bar, this.barText);
    this.heat = element("canvas", { class: "layer" });
    this.marks = element("canvas", { class: "layer" });
    this.canvasHost = element("div", { class: "osd" });
    const zoom = (factor) => this.osd?.viewport.zoomBy(factor).applyConstraints();
    this.buttons = element(
      "div", { class: "buttons", role: "group", "aria-label": "View" },
      button("in", "Zoom in (+)", () => zoom(2)),
      button("out", "Zoom out (−)", () => zoom(0.5)),
      button("home", "Whole slide (0)", () => this.home()),
      button("left", "Rotate left (Shift R)", () => this.rotate(-90)),
      button("right", "Rotate right (R)", () => this.rotate(90)),
      button("map", "Overview on or off (M)", () => this.toggleOverview()),
      button("full", "Full screen (F)", () => this.fullScreen()),
    );
    this.stage = element(
      "div", { class: "stage" }, this.canvasHost, this.message, this.readout, this.buttons, this.scalePanel, this.legend.node,
    );
    this.notes = element("div", { class: "notes" });
    this.root = element(
      "div", { class: "viewer", tabindex: 0, role: "application", onkeydown: (e) => this.keyDown(e), onkeyup: (e) => this.keyUp(e) },
      this.controls.fields, this.stage, this.notes,
    );
    this.root.addEventListener("blur", () => this.peek(false));
    this.stage.addEventListener("pointermove", (e) => this.hover(e));
    this.stage.addEventListener("pointerleave", () => this.hover(null));
    this.stage.addEventListener("pointerenter", () => document.activeElement === document.body && this.root.focus({ preventScroll: true }));
    this.onHighlight = (e) => this.highlight(e.detail);
    window.addEventListener("survviz:highlight", this.onHighlight);
    host.append(this.root);
  }

  update(component) {
    const before = this.shown ?? {};
    const data = (this.data = component.data);
    this.send = (event) => component.setTriggerValue("event", event);
    this.root.style.height = `${data.height}px`;
    this.root.setAttribute("aria-label", data.slide ? `Slide viewer: ${data.slide.slide_id}` : "Slide viewer, empty");
    const slideId = JSON.stringify(data.slide);
    if (slideId !== before.slideId) this.openSlide(data.slide);
    const mapsId = JSON.stringify(data.maps);
    if (mapsId !== before.mapsId) this.listMaps();
    if (data.active !== before.active || mapsId !== before.mapsId) this.choose(data.active, false);
    const nonce = data.goto ? JSON.stringify(data.goto) : null;
    const asked = `${data.key}|goto`; // outlives this viewer, so that coming back to the page does not fly again
    if (nonce && nonce !== remembered.get(asked)) this.goto(data.goto);
    remembered.set(asked, nonce);
    this.shown = { slideId, mapsId, active: data.active };
  }

  // ---- slide

  viewKey() {
    return `${this.data.key}|${this.data.slide?.token ?? this.data.slide?.slide_id}`;
  }

  openSlide(slide) {
    this.closeSlide();
    this.slide = slide;
    this.shownKey = this.viewKey();
    this.refresh();
    this.goneTo = this.pendingGoto = this.pointed = null;
    for (const node of [this.buttons, this.scalePanel]) node.hidden = !slide;
    if (!slide) return this.say("No slide is loaded. Choose a case first.", true);
    const { OpenSeadragon } = this;
    const fit = Math.min(170, Math.max(110, this.stage.clientWidth * 0.22)) / Math.max(slide.width, slide.height);
    this.osd = new OpenSeadragon.Viewer({
      element: this.canvasHost,
      drawer: "canvas",
      tileSources: this.tileSource(slide),
      showNavigationControl: false,
      showNavigator: true,
      navigatorPosition: "TOP_RIGHT",
      navigatorWidth: `${Math.max(40, Math.round(slide.width * fit))}px`,
      navigatorHeight: `${Math.max(40, Math.round(slide.height * fit))}px`,
      navigatorAutoFade: false,
      navigatorBackground: "transparent",
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      animationTime: 0.4,
      maxZoomPixelRatio: 4,
      minZoomImageRatio: 0.5,
      visibilityRatio: 0.3,
      imageLoaderLimit: 8,
      tileRetryMax: 1,
      tileRetryDelay: 500,
      preserveImageSizeOnResize: true, // a line more of notes must not zoom
      crossOriginPolicy: false,
    });
    this.loadedTiles = 0;
    this.say(slide.token ? "Loading the slide…" : "");
    this.osd.addHandler("open", () => this.opened());
    this.osd.addHandler("tile-loaded", () => this.loadedTiles++ || this.say(""));
    this.osd.addHandler("tile-load-failed", (e) => this.tileFailed(e));
    this.osd.addHandler("update-viewport", () => this.draw());
    this.osd.addHandler("canvas-click", (e) => this.clicked(e));
    this.osd.addHandler("canvas-key", (e) => (e.preventDefaultAction = true)); // keys are ours
    this.osd.addHandler("animation-finish", () => this.remember());
  }

  tileSource(slide) {
    const base = `${this.data.root}/tiles/${slide.token}`;
    return {
      width: slide.width,
      height: slide.height,
      tileSize: slide.tile_size,
      tileOverlap: 0,
      minLevel: Math.min(8, Math.ceil(Math.log2(Math.max(slide.width, slide.height)))), // level 8 fits one tile
      getTileUrl: (level, x, y) => `${base}/${level}/${x}_${y}.jpg`,
      ...(slide.token ? {} : { minLevel: 0, maxLevel: 0, tileExists: () => false }),
    };
  }

  opened() {
    this.osd.canvas.append(this.heat, this.marks);
    this.minimap = { heat: element("canvas", { class: "layer" }) };
    this.osd.navigator.canvas.append(this.minimap.heat);
    this.osd.navigator.element.classList.add("overview");
    this.osd.navigator.addHandler("update-viewport", () => this.drawMinimap());
    this.applyOpacity();
    this.restore();
    if (this.pendingGoto) this.goto(this.pendingGoto);
    this.draw();
  }

  async tileFailed(event) {
    if (this.loadedTiles || this.explained) return;
    this.explained = true;
    const answer = await fetch(event.tile.getUrl());
    const { error } = answer.ok ? {} : await answer.json();
    this.say(`Slide file is not available. ${error ?? "Some tiles could not be loaded."}`, true);
  }

  closeSlide() {
    if (!this.osd) return;
    this.remember();
    this.osd.destroy();
    this.osd = null;
    this.explained = false;
    this.selected = this.hoverIndex = -1;
  }

  remember() {
    if (!this.osd?.isOpen() || this.sized !== true) return;
    const { viewport } = this.osd;
    const { goneTo, selected } = this;
    const scale = viewport.getZoom() / viewport.getContainerSize().x;
    remembered.set(this.shownKey, { centre: viewport.getCenter(), scale, rotation: viewport.getRotation(), goneTo, selected });
  }

  restore() {
    const view = remembered.get(this.shownKey);
    this.sized = this.stage.clientWidth > 10;
    if (!view) return;
    Object.assign(this, { goneTo: view.goneTo, selected: view.selected });
    this.osd.viewport.setRotation(view.rotation, true);
    this.osd.viewport.zoomTo(view.scale * this.osd.viewport.getContainerSize().x, null, true);
    this.osd.viewport.panTo(view.centre, true);
  }

  // In a hidden tab the stage has no size; the view is set when it first gets one.
  resized() {
    if (!this.osd?.isOpen() || this.stage.clientWidth <= 10) return;
    if (!this.sized) {
      this.osd.viewport.resize(new this.OpenSeadragon.Point(this.canvasHost.clientWidth, this.canvasHost.clientHeight));
      this.osd.viewport.goHome(true);
      this.restore();
    }
    this.osd.forceRedraw();
  }

  home() {
    this.osd?.viewport.setRotation(0);
    this.osd?.viewport.goHome();
  }

  unmark() {
    this.goneTo = null;
    this.selected = -1;
    this.osd?.forceRedraw();
  }

  rotate(degrees) {
    this.osd?.viewport.rotateBy(degrees);
  }

  toggleOverview() {
    this.osd?.navigator.element.classList.toggle("off");
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  goto({ x, y, w, h }) {
    this.pendingGoto = { x, y, w, h };
    if (!this.osd?.isOpen()) return;
    this.pendingGoto = null;
    this.goneTo = { x, y, w, h };
    const side = Math.max(w, h) * 5; // the square with its surroundings
    const centre = [x + w / 2, y + h / 2];
    const rect = [centre[0] - side / 2, centre[1] - side / 2, side, side].map((v) => v / this.slide.width);
    this.osd.viewport.fitBounds(new this.OpenSeadragon.Rect(...rect));
    this.osd.forceRedraw();
  }

  // From the gallery: {viewer, box: {x, y, w, h} | null, zoom}. No rerun.
  highlight({ viewer, box, zoom }) {
    if (viewer !== this.data.key || !this.osd) return;
    if (zoom) return this.goto(box);
    this.pointed = box;
    this.osd.forceRedraw();
  }

  // ---- maps

  listMaps() {
    const { maps, picker } = this.data;
    this.pickerField.hidden = !picker || maps.length < 2;
    this.picker.replaceChildren(...maps.map((map) => element("option", { value: map.id }, map.label)));
    for (const node of this.controls.fields.children) if (node !== this.pickerField) node.hidden = !maps.length;
    const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200));
    idle(() => maps.slice(0, 32).forEach((view) => this.loadMap(view).catch(() => this.maps.delete(view.token))));
  }

  async choose(id, byHand) {
    const view = this.data.maps.find((map) => map.id === id) ?? null;
    this.wanted = id;
    this.picker.value = id ?? "";
    if (byHand) this.send({ kind: "map", map: id });
    if (!view) return this.show(null);
    this.root.setAttribute("aria-busy", "true");
    try {
      const map = await this.loadMap(view);
      if (this.wanted === id) this.show(map);
    } catch (error) {
      this.maps.delete(view.token);
      if (this.wanted === id) this.show(null, `The map “${view.label}” could not be loaded: ${error.message}`);
    }
    this.root.removeAttribute("aria-busy");
  }

  loadMap(view) {
    if (!this.maps.has(view.token)) this.maps.set(view.token, this.fetchMap(view));
    return this.maps.get(view.token);
  }

  async fetchMap(view) {
    const layoutId = `${view.layout}|${view.patch}`;
    if (!this.layouts.has(layoutId)) {
      const corners = this.fetchBinary(`layouts/${view.layout}`).then((buffer) => new Layout(new Int32Array(buffer), view.patch));
      corners.catch(() => this.layouts.delete(layoutId));
      this.layouts.set(layoutId, corners);
    }
    const [layout, buffer] = await Promise.all([this.layouts.get(layoutId), this.fetchBinary(`maps/${view.token}`)]);
    const values = new Float32Array(buffer);
    return { view, layout, values, summary: summarise(values, view.n_case) };
  }

  async fetchBinary(path) {
    const answer = await fetch(`${this.data.root}/${path}.bin`);
    if (!answer.ok) throw new Error((await answer.json()).error);
    return answer.arrayBuffer();
  }

  show(map, problem = "") {
    this.map = map;
    this.problem = problem;
    this.root.dataset.map = map?.view.id ?? "";
    this.recolour();
    this.osd?.forceRedraw();
  }

  // ---- how a map is drawn

  set(name, value) {
    this.settings = { ...this.settings, [name]: value };
    remembered.set(this.data.key, this.settings);
    if (name === "opacity" || name === "visible") this.refresh();
    else this.recolour();
    this.draw();
  }

  recolour() {
    const { map, settings } = this;
    if (map) {
      const scale = SCALES[settings.scale];
      const places = Float32Array.from(map.values, (fold, i) => clamp(scale.place(fold, i, map, settings.range)));
      map.colours = colourise(places, COLORMAPS[settings.colormap].table, settings.threshold);
      if (map.layout.regular) map.image = gridImage(map.layout, map.colours);
    }
    this.refresh();
    this.drawMinimap();
  }

  refresh() {
    const { map, settings } = this;
    const scale = SCALES[settings.scale];
    const words = map && settings.threshold > 0 ? scale.at(settings.threshold, map, settings.range) : "off";
    this.controls.refresh(settings, words);
    this.legend.refresh(settings, map);
    this.applyOpacity();
    const notes = [];
    if (this.problem) notes.push(["warning", this.problem]);
    if (this.slide?.reason) notes.push(["info", this.slide.reason]);
    if (map?.summary.flat) notes.push(["warning", "This map is almost flat; colours show tiny differences."]);
    if (map) {
      const { effective, n, topShare } = map.summary;
      const share = Math.round(100 * topShare);
      const spread = "Effective patches: as many equally weighted patches would be as concentrated (exponential of the entropy)";
      notes.push(["", `Effective patches ${integer(Math.round(effective))} of ${integer(n)} · the top 1 % hold ${share} % of this slide’s attention`, spread]);
      if (scale.note) notes.push(["info", scale.note]);
    }
    if (map) notes.push(["keys", KEYS]);
    this.notes.replaceChildren(...notes.map(([level, text, title]) => element("p", { class: `note ${level}`, title }, text)));
    this.notes.hidden = !notes.length;
  }

  applyOpacity() {
    const opacity = this.settings.visible && !this.peeking ? this.settings.opacity : 0;
    this.heat.style.opacity = opacity;
    if (this.minimap) this.minimap.heat.style.opacity = opacity;
  }

  say(text, problem = false) {
    this.message.textContent = text;
    this.message.hidden = !text;
    this.message.classList.toggle("problem", problem);
  }

  // ---- painting

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
    paintLayer(this.heat, map, this.map, this.settings.smooth);
    paintBoxes(this.marks, map, this.boxes(), this.density);
    this.drawScale(map.scale / this.density);
  }

  boxes() {
    const boxes = [];
    const patch = (index, style) => {
      const { corners, patch: side } = this.map.layout;
      boxes.push({ x: corners[2 * index], y: corners[2 * index + 1], w: side, h: side, ...style });
    };
    if (!this.slide.token) boxes.push({ x: 0, y: 0, w: this.slide.width, h: this.slide.height, colour: "#8a979c", width: 1 });
    if (this.map && this.hoverIndex >= 0) patch(this.hoverIndex, { colour: "#ffffff", width: 1 });
    if (this.map && this.selected >= 0) patch(this.selected, { colour: "#ffffff", width: 2 });
    if (this.goneTo) boxes.push({ ...this.goneTo, colour: YELLOW, width: 3 });
    if (this.pointed) boxes.push({ ...this.pointed, colour: YELLOW, width: 3, dash: [6, 3] });
    return boxes;
  }

  drawMinimap() {
    const navigator = this.osd?.navigator;
    if (!this.minimap || !navigator?.isOpen() || !this.fit(this.minimap.heat, navigator.canvas)) return;
    const map = imageToCanvas(this.OpenSeadragon, navigator.viewport, this.slide.width, this.density);
    paintLayer(this.minimap.heat, map, this.map, this.settings.smooth);
  }

  // `scale` is CSS pixels per level-0 pixel.
  drawScale(scale) {
    const { mpp, mpp_source } = this.slide;
    const bar = scaleBar((mpp ?? 1) / scale, 150);
    this.bar.style.width = `${bar.px}px`;
    if (!mpp) {
      this.barText.textContent = `${bar.text.replace("µm", "px").replace(/(\S+) mm/, (_, v) => `${integer(v * 1000)} px`)} · pixel size unknown`;
      return;
    }
    const power = (10 * scale) / mpp; // 10x is 1 µm per pixel
    const given = mpp_source === "person" ? " · pixel size entered by hand" : "";
    this.barText.textContent = `${bar.text} · ${power >= 10 ? Math.round(power) : power.toPrecision(2)}×${given}`;
  }

  // ---- pointer and keys

  patchAt(point) {
    if (!this.map || !this.osd?.isOpen()) return -1;
    const at = this.osd.viewport.pointFromPixel(point, true).times(this.slide.width);
    return this.map.layout.at(at.x, at.y);
  }

  clicked(event) {
    this.root.focus({ preventScroll: true });
    if (!event.quick) return;
    this.unmark();
    const index = this.patchAt(event.position);
    if (index < 0) return;
    this.selected = index;
    const { corners } = this.map.layout;
    this.send({ kind: "patch", map: this.map.view.id, index, x: corners[2 * index], y: corners[2 * index + 1] });
  }

  hover(event) {
    const box = this.canvasHost.getBoundingClientRect();
    const onPanel = event && event.composedPath().some((node) => node.classList?.contains("panel") || node.classList?.contains("overview"));
    const point = event && !onPanel ? new this.OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top) : null;
    const index = point ? this.patchAt(point) : -1;
    if (index === this.hoverIndex) return;
    this.hoverIndex = index;
    this.readout.hidden = index < 0;
    this.osd?.forceRedraw();
    if (index < 0) return;
    const { values, summary, layout, view } = this.map;
    const fold = values[index];
    const rank = summary.n - Math.round(summary.rank[index] * (summary.n - 1));
    this.readout.replaceChildren(
      element("strong", {}, `${times(fold)} uniform`),
      ` · weight ${weight(fold / view.n_case)} · rank ${integer(rank)} of ${integer(summary.n)}`,
      element("span", { class: "where" }, `x ${integer(layout.corners[2 * index])}, y ${integer(layout.corners[2 * index + 1])}`),
    );
  }

  peek(on) {
    if (this.peeking === on) return;
    this.peeking = on;
    this.applyOpacity();
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation(); // Streamlit reads single keys too (R reruns)
    if (event.target.matches("input, select, button") && keyOfControl(event)) return;
    const { viewport } = this.osd ?? {};
    const pan = (x, y) => viewport?.panBy(viewport.deltaPointsFromPixels(new this.OpenSeadragon.Point(x, y))).applyConstraints();
    const shift = (by) => this.set("opacity", clamp(Math.round(100 * (this.settings.opacity + by)) / 100));
    const actions = {
      " ": () => this.peek(true),
      h: () => this.set("visible", !this.settings.visible),
      "[": () => shift(-0.05),
      "]": () => shift(0.05),
      "+": () => viewport?.zoomBy(1.5).applyConstraints(),
      "=": () => viewport?.zoomBy(1.5).applyConstraints(),
      "-": () => viewport?.zoomBy(1 / 1.5).applyConstraints(),
      0: () => this.home(),
      escape: () => this.unmark(),
      r: () => this.rotate(event.shiftKey ? -90 : 90),
      m: () => this.toggleOverview(),
      f: () => this.fullScreen(),
      arrowleft: () => pan(-80, 0),
      arrowright: () => pan(80, 0),
      arrowup: () => pan(0, -80),
      arrowdown: () => pan(0, 80),
    };
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  keyUp(event) {
    if (event.key === " ") this.peek(false);
  }

  destroy() {
    this.closeSlide();
    this.resizing.disconnect();
    window.removeEventListener("survviz:highlight", this.onHighlight);
    this.root.remove();
  }
}
