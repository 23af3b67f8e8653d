// What if this region were not there? Python answers: risk and survival with and without its patches.

import { element } from "./panel.js";
import { collection, titleOf } from "./region_list.js";
import { integer, signed } from "./scales.js";

export function regionRisk(bench, list) {
  const node = element("div", { class: "region-risk", "aria-live": "polite" });
  let asked = ""; // the name of the answer that is waited for
  const nameOf = (region) => `region:${region.id}:${shortHash(JSON.stringify(region.geometry))}`;
  const ask = (region) => {
    asked = nameOf(region);
    const { slide_id } = bench.slide.view;
    bench.send({ kind: "risk", name: asked, slide_id, features: collection([region]).features });
    refresh();
  };
  const refresh = () => {
    const region = list.find(list.picked);
    node.hidden = !region;
    if (!region) return;
    const name = nameOf(region);
    const answer = bench.data.answers?.[name];
    if (answer) node.replaceChildren(...words(answer, region));
    else if (asked === name) node.replaceChildren(element("p", { class: "note" }, "Asking the models without these patches…"));
    else node.replaceChildren(element("button", { type: "button", onclick: () => ask(region) }, "What if this region were removed?"));
  };
  for (const event of ["changed", "picked"]) list.addEventListener(event, refresh);
  bench.addEventListener("answers", refresh);
  refresh();
  return node;
}

function words(answer, region) {
  if (answer.error) return [element("p", { class: "note warning" }, answer.error)];
  const spread = answer.sd === null ? "" : ` ± ${Number(answer.sd.toPrecision(2))} over the folds`;
  const lines = [
    element(
      "p", {},
      `Without ${titleOf(region)} (${integer(answer.n_patches)} of ${integer(answer.n_case)} patches) the risk score goes from ${number(answer.risk)} to `,
      element("strong", {}, number(answer.without)), ` (${signed(answer.change)}${spread}): these patches ${push(answer.change)}.`,
    ),
  ];
  if (answer.controls?.length) {
    const [low, high] = [Math.min(...answer.controls), Math.max(...answer.controls)];
    const inside = low <= answer.change && answer.change <= high;
    lines.push(element("p", { class: "muted" }, `As many patches at random, ${answer.controls.length} times: ${signed(low)} to ${signed(high)}${inside ? "; so this region does no more than any other" : ""}.`));
  }
  lines.push(survivalTable(answer.survival ?? []));
  return lines;
}

const push = (change) => (change > 0 ? "push the estimate down" : change < 0 ? "push the estimate up" : "do not move the estimate");
const number = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

function survivalTable(rows) {
  const cell = (value, reason) => element("td", { title: reason }, value === null ? "–" : `${Math.round(100 * value)} %`);
  return element(
    "table", {},
    element("thead", {}, element("tr", {}, element("th", {}, "Survival at"), element("th", {}, "with"), element("th", {}, "without"))),
    element("tbody", {}, ...rows.map(({ months, before, after, reason }) =>
      element("tr", {}, element("th", { scope: "row" }, `${months} months`), cell(before, reason), cell(after, reason)))),
  );
}

function shortHash(text) {
  let hash = 5381;
  for (let i = 0; i < text.length; i++) hash = ((hash * 33) ^ text.charCodeAt(i)) >>> 0;
  return hash.toString(36);
}
