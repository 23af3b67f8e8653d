// Deletion and insertion as two small charts: the risk while more patches leave, or come, in the order of the map, beside
// the band of chance. Plain SVG; colours are those of the theme.

import { element } from "./panel.js";

const [WIDTH, HEIGHT] = [236, 150];
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 6, 8, 24];
const TITLES = { deletion: "Without these patches", insertion: "These patches alone" };
const LINES = { shown: "This map", even: "Every k-th patch", random: "At random", blind: "Blind maps" };
const NOTE = "Shaded: 90 % of the sets. Dashed: the whole case.";

export function curves(result) {
  const charts = Object.entries(TITLES).map(([test, title]) => element("figure", {}, element("figcaption", {}, title), chart(result, test)));
  const keys = Object.entries(LINES).map(([name, text]) => element("span", { class: `key of-${name}` }, text));
  return element("div", { class: "curves" }, element("div", { class: "charts" }, ...charts), element("div", { class: "keys" }, ...keys), element("p", { class: "note" }, NOTE));
}

function chart({ shares, whole, nothing, tests }, test) {
  const own = tests[test];
  const start = test === "deletion" ? whole : nothing;
  const at = [0, ...shares];
  const with0 = (values) => [start, ...values];
  const all = [whole, start, ...own.shown.curve, ...own.even.curve, ...["random", "blind"].flatMap((name) => [...own[name].low, ...own[name].high])];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = high - low || 1;
  const x = (share) => LEFT + ((WIDTH - LEFT - RIGHT) * share) / shares.at(-1);
  const y = (risk) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - risk)) / span;
  const path = (values) => values.map((risk, i) => `${i ? "L" : "M"}${x(at[i]).toFixed(1)} ${y(risk).toFixed(1)}`).join("");
  const band = (name) => svg("path", { class: `band of-${name}`, d: `${path(with0(own[name].high))}L${[...with0(own[name].low)].reverse().map((risk, i) => `${x(at[at.length - 1 - i]).toFixed(1)} ${y(risk).toFixed(1)}`).join("L")}Z` });
  const line = (name) => svg("path", { class: `line of-${name}`, d: path(with0(own[name].curve)) });
  const text = (words, place) => svg("text", place, words);
  const digits = Math.max(0, Math.min(4, 1 - Math.floor(Math.log10(span))));
  const number = (risk) => risk.toFixed(digits).replace("-", "−");
  const spoken = `${TITLES[test]}: risk ${number(start)} at 0 %, ${number(own.shown.curve.at(-1))} at ${percent(shares.at(-1))} in the order of the map, ${number(own.random.curve.at(-1))} at random, ${number(own.blind.curve.at(-1))} by blind maps; p = ${own.random.p.toFixed(2)} and ${own.blind.p.toFixed(2)}.`;
  return svg(
    "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": spoken },
    band("random"), band("blind"),
    svg("path", { class: "whole", d: `M${LEFT} ${y(whole)}H${WIDTH - RIGHT}` }),
    svg("path", { class: "axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }),
    ...["random", "blind", "even", "shown"].map(line),
    text(number(high), { x: LEFT - 4, y: TOP + 8, "text-anchor": "end" }),
    text(number(low), { x: LEFT - 4, y: HEIGHT - BOTTOM, "text-anchor": "end" }),
    text("risk", { x: LEFT - 4, y: (TOP + HEIGHT - BOTTOM) / 2 + 4, "text-anchor": "end" }),
    text("0", { x: LEFT, y: HEIGHT - 10, "text-anchor": "middle" }),
    text(`${percent(shares.at(-1))} of patches`, { x: WIDTH - RIGHT, y: HEIGHT - 10, "text-anchor": "end" }),
  );
}

const percent = (share) => `${Math.round(100 * share)} %`;

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
