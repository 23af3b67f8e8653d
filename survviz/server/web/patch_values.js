// What every computed map says about one patch, with its rank, and its range over the folds. A row shows its map.

import { element } from "./panel.js";
import { rankOf } from "./patches.js";
import { integer, valueText } from "./scales.js";

export function patchValues(bench) {
  const rows = element("tbody", {});
  const columns = ["Map", "Value", "Rank", "Over the folds"].map((text) => element("th", { scope: "col" }, text));
  const head = element("thead", {}, element("tr", {}, ...columns));
  const title = element("h5", {});
  const table = element("table", { class: "card-table" }, head, rows);
  const node = element("section", { class: "card-section" }, title, table);
  let call = 0;

  const show = async ({ slide, index }) => {
    const mine = ++call;
    const found = await Promise.all(viewsOf(bench, slide).map((view) => line(bench, view, index)));
    if (mine !== call) return;
    const { token } = bench.choice;
    title.textContent = token === "all" ? "All maps, mean over tokens" : `All maps of “${token}”`;
    rows.replaceChildren(...found.filter(Boolean));
  };
  return { node, show };
}

// The computed maps of the chosen token; of directions that do not have it, those of all tokens.
function viewsOf(bench, slide) {
  const wanted = bench.choice.token;
  const kinds = bench.data.kinds.map(({ id }) => id);
  const views = new Map();
  for (const view of slide.maps) {
    if (!view.values || (view.token !== wanted && view.token !== "all")) continue;
    const where = `${view.kind}:${view.query}:${view.key}`;
    if (view.token === wanted || !views.has(where)) views.set(where, view);
  }
  return [...views.values()].sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

async function line(bench, view, index) {
  const { kind, query, key, token } = view;
  const map = await bench.load(view).catch(() => null);
  if (!map) return null;
  const on = bench.map?.view.id === view.id;
  const label = bench.kind(kind)?.label ?? kind;
  const asked = bench.kind(kind)?.asked !== false; // else it has one map, whatever the direction and the token
  const direction = asked ? (bench.direction({ query, key })?.label ?? "") : "on the risk";
  const only = asked && token === "all" && bench.choice.token !== "all" ? " (all tokens)" : "";
  const choose = () => bench.choose(asked ? { kind, query, key, token } : { kind });
  const button = element("button", { type: "button", title: view.semantics, onclick: choose }, label);
  return element(
    "tr", { "aria-current": on ? "true" : null },
    element("th", { scope: "row" }, button, element("small", {}, direction + only)),
    element("td", {}, valueText(map, map.values[index])),
    element("td", {}, integer(rankOf(map, index))),
    element("td", {}, await foldRange(bench, view, map, index)),
  );
}

// Lowest to highest of the folds, each the mean of its heads.
async function foldRange(bench, view, map, index) {
  const folds = view.detail?.folds ?? 1;
  if (folds < 2) return "one fold";
  const asked = Array.from({ length: folds }, (_, fold) => bench.store.values(view, "mean", fold));
  const each = await Promise.all(asked).catch(() => null);
  if (!each) return "";
  const values = each.map((one) => one[index]).filter(Number.isFinite);
  if (!values.length) return "no value";
  return `${valueText(map, Math.min(...values))} to ${valueText(map, Math.max(...values))}`;
}
