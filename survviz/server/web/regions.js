// The tab "Regions": draw, import and export polygons, and read what the map says of each.

import { element, segmented } from "./panel.js";
import { RegionList, titleOf } from "./region_list.js";
import { regionRisk } from "./region_risk.js";
import { RegionScores } from "./region_scores.js";
import { boxOf } from "./region_shapes.js";
import { regionTable } from "./region_table.js";
import { RegionTools } from "./region_tools.js";
import { save } from "./saving.js";

export const style = "regions.css";

const TOOLS = [
  ["rectangle", "Rectangle", "Drag over the tissue"],
  ["polygon", "Polygon", "Click its corners; double-click, Enter or the first corner closes it, Backspace takes one back, Esc leaves"],
  ["freehand", "Freehand", "Drag around the tissue"],
  ["move", "Move", "Drag a region; Delete removes it"],
];
const CLASSES = ["Tumor", "Stroma", "Immune cells", "Necrosis", "Normal", "Other"];
const ACCEPTED = ".geojson,.json,.gz,.zip";
const EMPTY = "Draw a region, or bring annotations from QuPath (drop the file here), to read how much of the map lies in it.";

export function panel(bench) {
  const list = new RegionList(bench);
  const tools = new RegionTools(bench, list);
  const scores = new RegionScores(bench, list);
  const message = element("p", { class: "note warning", role: "status", hidden: true });
  const say = (text) => ((message.textContent = text), (message.hidden = !text));
  list.addEventListener("problem", (event) => say(event.detail.text));
  const empty = element("p", { class: "muted" }, EMPTY);
  list.addEventListener("changed", () => (empty.hidden = list.all.length > 0));
  const pick = (id) => {
    list.pick(id);
    const region = list.find(id);
    if (region && !region.truth) show(bench, region);
  };
  const node = element(
    "div", { class: "regions-panel" },
    drawing(bench, list, tools), files(bench, list, scores, say), message, empty,
    editor(bench, list), regionTable(list, scores, pick), regionRisk(bench, list),
  );
  for (const target of [node, bench.stage.element]) acceptDrops(target, (file) => bring(file, list, say, bench));
  return node;
}

function show(bench, region) {
  const { x, y, w, h } = boxOf(region.geometry);
  const { rotation = 0 } = bench.viewport() ?? {};
  const { clientWidth, clientHeight } = bench.stage.element;
  bench.setViewport({ x: x + w / 2, y: y + h / 2, scale: 0.5 * Math.min(clientWidth / w, clientHeight / h), rotation });
}

function drawing(bench, list, tools) {
  const choice = segmented("Draw a region", (name) => tools.use(name));
  const hint = element("p", { class: "note hint" });
  const refresh = () => {
    choice.refresh(tools.name, TOOLS);
    hint.textContent = TOOLS.find(([name]) => name === tools.name)?.[2] ?? "";
    hint.hidden = !hint.textContent;
  };
  list.addEventListener("tool", refresh);
  refresh();
  return element("div", {}, choice.node, hint);
}

function files(bench, list, scores, say) {
  const picker = element("input", { type: "file", accept: ACCEPTED, hidden: true, "aria-label": "Annotation file", onchange: () => {
    if (picker.files[0]) bring(picker.files[0], list, say, bench);
    picker.value = "";
  } });
  const press = (text, title, action) => element("button", { type: "button", title, onclick: action }, text);
  const bringIn = press("Import…", "QuPath GeoJSON: .geojson or .json, also .gz or .zip", () => picker.click());
  const take = press("Export", "GeoJSON for QuPath, with the numbers of the map on show as measurements", async () => {
    try {
      const name = `${bench.slide.view.export_id}_regions.geojson`;
      save(name, JSON.stringify(await scores.exported()), "application/geo+json");
    } catch (error) {
      say(`The regions could not be exported: ${error.message}`);
    }
  });
  const truth = press("Show truth", "The regions that were planted in this synthetic slide", () => bench.set("truth", !list.truth));
  const refresh = () => {
    take.disabled = !list.all.length;
    truth.hidden = !list.hasTruth;
    truth.textContent = list.truth ? "Hide truth" : "Show truth";
    truth.setAttribute("aria-pressed", String(Boolean(list.truth)));
  };
  list.addEventListener("changed", refresh);
  bench.addEventListener("data", refresh);
  refresh();
  return element("div", { class: "files" }, bringIn, take, truth, picker);
}

async function bring(file, list, say, bench) {
  say("");
  try {
    const path = `regions/read?name=${encodeURIComponent(file.name)}`;
    const { features, notices } = await list.ask(path, { method: "POST", body: file });
    list.take(features);
    say(notices.join(" "));
    bench.emit("open", { tab: "regions" });
  } catch (error) {
    say(error.message);
  }
}

function acceptDrops(target, take) {
  const over = (on) => (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    target.classList.toggle("drop", on);
  };
  target.addEventListener("dragover", over(true));
  target.addEventListener("dragleave", over(false));
  target.addEventListener("drop", (event) => {
    over(false)(event);
    const [file] = event.dataTransfer?.files ?? [];
    if (file) take(file);
  });
}

// Name and class of the region that is selected.
function editor(bench, list) {
  const name = element("input", { type: "text", maxlength: 80, "aria-label": "Name", placeholder: "Name", onchange: () => list.change(list.picked, { name: name.value.trim() }) });
  const options = element("datalist", { id: "region-classes" });
  const classification = element("input", {
    type: "text", maxlength: 80, list: "region-classes", "aria-label": "Class", placeholder: "Class",
    onchange: () => list.change(list.picked, { classification: classification.value.trim() }),
  });
  const remove = element("button", { type: "button", onclick: () => list.remove(list.picked) }, "Delete");
  const zoom = element("button", { type: "button", onclick: () => show(bench, list.find(list.picked)) }, "Zoom to it");
  const title = element("strong", {});
  const fields = element("div", { class: "fields" }, name, classification);
  const node = element("div", { class: "region-editor" }, title, fields, options, element("div", { class: "files" }, zoom, remove));
  const refresh = () => {
    const region = list.find(list.picked);
    node.hidden = !region;
    if (!region) return;
    title.textContent = region.truth ? `${titleOf(region)} (truth)` : titleOf(region);
    fields.hidden = remove.hidden = Boolean(region.truth);
    name.value = region.name;
    classification.value = region.classification;
    options.replaceChildren(...[...new Set([...list.classes, ...CLASSES])].map((value) => element("option", { value })));
  };
  for (const event of ["changed", "picked"]) list.addEventListener(event, refresh);
  refresh();
  return node;
}
