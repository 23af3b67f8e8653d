// Which tokens go with one patch: those that the patch itself looks at, where the model says so (pathology -> clinic or
// genes), else those whose maps look at the patch most.

import { element } from "./panel.js";
import { times } from "./scales.js";
import { unrecorded } from "./tokens.js";

const SHOWN = 5;
const AT_ONCE = 64; // tokens that are read without being asked to

export function patchTokens(bench) {
  const node = element("section", { class: "card-section" });
  let call = 0;
  const show = async (patch) => {
    const mine = ++call;
    const lists = directionsOf(bench).map((direction) => ({ direction, views: viewsOf(direction, patch.slide) }));
    const several = lists.filter(({ views }) => views.length > 1);
    const sections = await Promise.all(several.map((one) => section(bench, patch, one)));
    if (mine !== call) return;
    node.hidden = !sections.length;
    node.replaceChildren(...sections);
  };
  return { node, show };
}

function directionsOf(bench) {
  const own = bench.data.directions.filter(({ query }) => query === "pathology");
  return own.length ? own : bench.data.directions.filter(({ key }) => key === "pathology");
}

function viewsOf({ query, key }, slide) {
  const wanted = (view) => view.kind === "attention" && view.query === query && view.key === key;
  return slide.maps.filter((view) => wanted(view) && view.token !== "all" && view.values);
}

async function section(bench, patch, { direction, views }) {
  const words = direction.query === "pathology" ? "This patch looks at" : "Looked at most by";
  const title = element("h5", { title: views[0].semantics }, `${words} · ${direction.label}`);
  const list = element("div", { class: "card-tokens" });
  const fill = async () => list.replaceChildren(...(await best(bench, patch, views)));
  if (views.length <= AT_ONCE) await fill();
  else list.append(element("button", { type: "button", onclick: fill }, `Compare all ${views.length} tokens`));
  return element("div", {}, title, list);
}

async function best(bench, { index }, views) {
  const { query, key: asked } = views[0];
  const silent = new Set(bench.direction({ query, key: asked })?.tokens.filter(({ recorded }) => recorded === false).map(({ name }) => name));
  const values = await Promise.all(views.map((view) => bench.store.values(view, "mean", "mean"))).catch(() => []);
  const found = values.map((one, i) => ({ view: views[i], value: one[index] }));
  const known = found.filter(({ value }) => Number.isFinite(value)).sort((a, b) => b.value - a.value).slice(0, SHOWN);
  if (!known.length) return [element("p", { class: "muted" }, "No token has a value here.")];
  const most = known[0].value || 1;
  return known.map(({ view: { kind, query, key, token }, value }) =>
    element(
      "button",
      {
        type: "button", class: "card-token", title: `Show the map of “${token}”`,
        onclick: () => bench.choose({ kind, query, key, token }),
      },
      element("span", { class: "name" }, token, ...(silent.has(token) ? [" ", unrecorded()] : [])),
      element("span", { class: "card-meter" }, element("i", { style: `width:${100 * Math.max(0, value / most)}%` })),
      element("span", { class: "value" }, times(value)),
    ),
  );
}
