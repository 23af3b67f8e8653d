// Named numbers of one patch: the encoder's own, or measured from the pixels, and where they lie among other patches.

import { reason } from "./maps.js";
import { element } from "./panel.js";
import { integer } from "./scales.js";

const RARE = 5; // percentiles below it, or above 100 minus it, are set in bold

export function descriptors(bench) {
  const rows = element("div", { class: "card-numbers" });
  const all = element("input", { type: "checkbox", onchange: () => draw() });
  const more = element("label", { class: "check" }, all, element("span", {}));
  const note = element("p", { class: "muted" });
  const node = element("section", { class: "card-section" }, element("h5", {}, "What is in it"), rows, more, note);
  let found = null;
  let call = 0;

  const show = async ({ slide, index }, isNew) => {
    node.hidden = !slide.features;
    if (!slide.features || !isNew) return;
    const mine = ++call;
    node.setAttribute("aria-busy", "true");
    const answer = await read(bench.url(`descriptors/${slide.features}/${index}.json`));
    if (mine !== call) return;
    node.removeAttribute("aria-busy");
    found = answer;
    draw();
  };

  const draw = () => {
    const shown = found.rows.filter(({ headline }) => all.checked || headline);
    rows.replaceChildren(...shown.map(row));
    more.hidden = !found.rows.length;
    more.lastChild.textContent = `All ${found.rows.length} numbers`;
    note.textContent = found.reason || sources(found);
  };
  return { node, show };
}

async function read(url) {
  const answer = await fetch(url).catch(() => null);
  if (answer?.ok) return answer.json();
  return { rows: [], reason: answer ? await reason(answer) : "The server could not be reached." };
}

function sources({ source, encoder, compared, training }) {
  const measured = `Measured from the pixels, because the numbers of ${encoder} have no names.`;
  const from = source === "pixels" ? measured : `Numbers of ${encoder}.`;
  return `${from} Bars: percentile among ${compared}.${training ? ` z: ${training}.` : ""}`;
}

function row({ title, unit, meaning, value, percentile, z }) {
  const rare = percentile <= RARE || percentile >= 100 - RARE;
  const place = `${ordinal(percentile)} percentile`;
  const mark = element("i", { style: `left:${percentile}%` });
  return element(
    "div", { class: `card-number${rare ? " rare" : ""}`, title: `${title}: ${meaning}\n${place}` },
    element("span", { class: "name" }, title),
    element("span", { class: "value" }, `${digits(value)} ${short(unit)}`),
    element("span", { class: "card-place", role: "img", "aria-label": place }, mark),
    element("span", { class: "z" }, z == null ? "" : zText(z)),
  );
}

const SHORT = { "per mm²": "/mm²", "optical density": "OD", ln: "" };
const short = (unit) => (unit.startsWith("%") ? "%" : (SHORT[unit] ?? unit));
const zText = (z) => `z ${Math.abs(z) < 0.05 ? "" : z > 0 ? "+" : "−"}${Math.abs(z).toFixed(1)}`;
const digits = (value) => (Math.abs(value) >= 100 ? integer(Math.round(value)) : String(Number(value.toPrecision(2))));

function ordinal(percentile) {
  const whole = Math.round(percentile);
  const last = whole % 100 > 10 && whole % 100 < 14 ? 0 : whole % 10;
  return `${whole}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}
