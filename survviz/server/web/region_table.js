// The regions in numbers: a row per drawn region, per class, and for all of them.

import { coloured, titleOf } from "./region_list.js";
import { element } from "./panel.js";
import { tableItem } from "./report_items.js";
import { percent, times, unitOf } from "./scales.js";

const P_HELP = "Share of shifted maps that are at least as extreme; two-sided. Small = hard to explain by chance.";

export function regionTable(list, scores, pick) {
  const node = element("div", { class: "region-table", "aria-live": "polite" });
  const refresh = () => node.replaceChildren(...content(list, scores, pick));
  scores.addEventListener("asking", () => node.classList.add("asking"));
  scores.addEventListener("scores", () => (node.classList.remove("asking"), refresh()));
  for (const name of ["changed", "picked"]) list.addEventListener(name, refresh);
  refresh();
  return node;
}

function content(list, scores, pick) {
  if (!list.all.length) return [];
  const rows = scores.table?.rows ?? [];
  const { map } = scores.bench;
  const signed = scores.table?.signed ?? map?.nature === "signed";
  const heads = signed
    ? [["Inside", `Mean inside: ${map ? unitOf(map).title : ""}`], ["Outside", "Mean of the rest of the slide's patches"], ["p", P_HELP]]
    : [["Map", "Share of the map (attention) that lies in the region"], ["Area", "Share of the area of the slide's patches"],
       ["Enriched", "Share of the map ÷ share of the area; 1 = as much as any other tissue"], ["p", P_HELP]];
  const line = line_(signed, map, heads.length);
  const own = list.drawn.map((region) => {
    const row = rows.find(({ id }) => id === region.id);
    return line(region.id, titleOf(region), region.colour, row, region.id === list.picked, () => pick(region.id));
  });
  const classes = rows.filter(({ level, name, count }) => level === "class" && (list.truth || (name && count > 1)));
  const byClass = classes.map((row) => {
    const same = list.all.find(({ classification }) => classification === row.name);
    const truth = list.truth?.find(({ classification }) => classification === row.name);
    const press = truth && (() => pick(truth.id));
    return line(null, row.name || "Without a class", same?.colour, row, truth?.id === list.picked, press);
  });
  const whole = rows.find(({ level, count }) => level === "all" && count > 1);
  const table = element(
    "table", {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Region"), ...heads.map(([text, title]) => element("th", { scope: "col", title }, text)))),
    body("", own), body(own.length ? "By class" : "", byClass), body("", whole && !list.truth ? [line(null, "All together", null, whole)] : []),
  );
  const lines = [table];
  if (scores.problem) lines.push(element("p", { class: "note warning" }, scores.problem));
  if (scores.table && map) {
    const slide = scores.bench.slide.view.slide_id;
    const add = () => scores.bench.emit("report", tableItem(table, `Regions of ${slide}`, `${map.view.label}. ${scores.table.method}`));
    lines.push(element("button", { type: "button", class: "link", title: "Put this table into the report of the case", onclick: add }, "Add to report"));
  }
  if (scores.table) lines.push(element("p", { class: "method" }, scores.table.method, many(own.length + byClass.length)));
  return lines;
}

const many = (tests) => (tests > 5 ? ` ${tests} tests: about one in twenty is below 0.05 by chance.` : "");

function body(title, rows) {
  if (!rows.length) return "";
  const head = title ? [element("tr", { class: "group" }, element("th", { colspan: 5, scope: "rowgroup" }, title))] : [];
  return element("tbody", {}, ...head, ...rows);
}

const line_ = (signed, map, columns) => (id, name, colour, row, picked = false, press = null) => {
  const cells = row?.share_of_area === undefined
    ? [element("td", { colspan: columns, class: "why" }, row ? "not on tissue" : "…")]
    : (signed ? signedCells(row, map) : shareCells(row)).map((text) => element("td", {}, text));
  const title = row?.reason || (row?.area === undefined ? "" : `${row.area.toFixed(1)} patches`);
  const swatch = colour ? element("i", { class: "swatch", style: `background:${coloured(colour)}` }) : "";
  const label = press
    ? element("button", { type: "button", onclick: press, "aria-pressed": String(picked) }, swatch, element("span", {}, name))
    : element("span", { class: "plain" }, swatch, element("span", {}, name));
  return element("tr", { class: picked ? "picked" : "", title, "data-region": id, "data-name": name }, element("th", { scope: "row" }, label), ...cells);
};

const shareCells = (row) => [percent(row.share_of_map), percent(row.share_of_area), times(row.enrichment), chance(row.p)];
const signedCells = (row, map) => [row.mean_inside, row.mean_outside].map((value) => (value === null ? "–" : unitOf(map).text(value))).concat(chance(row.p));

function chance(p) {
  if (p === null || p === undefined) return "–";
  return p < 0.01 ? p.toPrecision(1) : p.toFixed(2);
}
