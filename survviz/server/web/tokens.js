// A searchable list of the tokens of a direction, with each token's own contribution as a small signed bar.

import { element } from "./panel.js";
import { signed } from "./scales.js";

const LEGEND = "Bar: change of the risk score if this were average; orange raises it, violet lowers it.";
const UNRECORDED = "not recorded";

export const unrecorded = () => element("span", { class: "unrecorded" }, UNRECORDED);

export function tokenList(bench) {
  const search = element("input", { type: "search", placeholder: "Search tokens", "aria-label": "Search tokens", autocomplete: "off" });
  const list = element("div", { class: "token-list", role: "listbox", "aria-label": "Token", tabindex: -1 });
  const words = element("p", { class: "token-words" });
  const legend = element("p", { class: "token-legend" }, LEGEND);
  const node = element("div", { class: "tokens" }, search, list, legend, words);
  const names = () => [...list.children].map((row) => row.dataset.token);

  const draw = () => {
    const direction = bench.direction();
    const tokens = direction?.tokens ?? [];
    node.classList.toggle("few", tokens.length < 2);
    search.hidden = tokens.length < 8;
    legend.hidden = !tokens.some(({ contribution }) => contribution != null);
    const wanted = search.value.trim().toLowerCase();
    const found = tokens.filter(({ name, words: text }) => !wanted || `${name} ${text ?? ""}`.toLowerCase().includes(wanted));
    const most = Math.max(...tokens.map(({ contribution }) => Math.abs(contribution ?? 0)), 1e-12);
    list.replaceChildren(...found.map((token) => row(token, most)));
    if (!found.length) list.append(element("p", { class: "muted" }, `No token of ${tokens.length} contains “${search.value}”.`));
    mark();
  };

  const row = ({ name, recorded, contribution }, most) => {
    const share = contribution == null ? 0 : contribution / most / 2;
    const bar = element("span", { class: "signed-bar", hidden: contribution == null },
      element("i", { class: share < 0 ? "lowers" : "raises", style: `left:${100 * Math.min(0.5, 0.5 + share)}%;width:${100 * Math.abs(share)}%` }));
    const shown = name === "all" ? "All tokens (mean)" : name;
    const known = recorded === false ? [unrecorded()] : [];
    const moves = contribution == null ? [] : [`${signed(contribution)} on the risk score`];
    const title = [shown, ...(known.length ? [UNRECORDED] : []), ...moves].join(", ");
    return element("button", { type: "button", role: "option", class: "token", "data-token": name, title, "aria-label": title, tabindex: -1, onclick: () => bench.choose({ token: name }) },
      element("span", { class: "name" }, shown), ...known, bar);
  };

  const mark = () => {
    for (const one of list.children) one.setAttribute("aria-selected", String(one.dataset.token === bench.choice.token));
    const chosen = bench.direction()?.tokens.find(({ name }) => name === bench.choice.token);
    words.textContent = chosen?.words ?? "";
    words.hidden = !words.textContent;
    const on = list.querySelector('[aria-selected="true"]');
    if (on) list.scrollTop = Math.min(Math.max(list.scrollTop, on.offsetTop + on.offsetHeight - list.clientHeight), on.offsetTop);
  };

  const step = (by) => {
    const all = names();
    const at = all.indexOf(bench.choice.token);
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    if (next) bench.choose({ token: next });
  };
  search.addEventListener("input", draw);
  node.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (event.key === "Enter" && event.target === search && names().length) bench.choose({ token: names()[0] });
    if (by) {
      event.preventDefault();
      step(by);
    }
  });
  let shown = "";
  bench.addEventListener("data", draw);
  bench.addEventListener("choice", () => {
    const now = `${bench.choice.query}:${bench.choice.key}`;
    if (now !== shown) search.value = "";
    if (now === shown) mark();
    else draw();
    shown = now;
  });
  return node;
}
