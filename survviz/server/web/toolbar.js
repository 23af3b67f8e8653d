// The line above the stages: what is on show, what to know about it, and what one can do with the view.

import { chip } from "./faithfulness.js";
import { element } from "./panel.js";
import { linkTo } from "./permalink.js";

export const LEVELS = { stop: "⛔", warning: "⚠", info: "ℹ" };
const ORDER = Object.keys(LEVELS);

// `workbench` has bench, toggleSecond(), showKeys().
export function toolbar(workbench) {
  const { bench } = workbench;
  const title = element("strong", { class: "title" });
  const arrow = element("span", { class: "arrow" });
  const second = element("button", { type: "button", "aria-pressed": "false", title: "Two stages (S)", onclick: () => workbench.toggleSecond() }, "Side by side");
  const copy = element("button", { type: "button", title: "A link to exactly this view", onclick: () => copyLink(bench, copy) }, "Copy link");
  const keys = element("button", { type: "button", title: "Keys (?)", "aria-label": "Keys", onclick: () => workbench.showKeys() }, "?");
  const known = notices(bench);
  const reason = element("p", { class: "slide-note", hidden: true });
  bench.addEventListener("slide", () => {
    reason.textContent = bench.slide?.view.reason ?? "";
    reason.hidden = !reason.textContent;
  });
  const refresh = () => {
    const { choice, map } = bench;
    const kind = bench.kind();
    title.textContent = map ? map.view.label.replace(/ \([^)]*→[^)]*\)$/, "") : (kind?.label ?? "");
    arrow.textContent = kind?.asked === false ? "what moves the risk" : `${kind?.label ?? ""}: ${bench.direction()?.label ?? ""}`;
    arrow.hidden = !kind || (kind.asked !== false && !bench.direction());
    if (map?.fold !== undefined && map.fold !== "mean") arrow.textContent += map.fold === "sd" ? " · SD over folds" : ` · fold ${choice.fold + 1}`;
    if (map?.head !== undefined && map.head !== "mean") arrow.textContent += map.head === "max" ? " · maximum of heads" : ` · head ${choice.head + 1}`;
  };
  for (const name of ["data", "choice", "map"]) bench.addEventListener(name, refresh);
  bench.addEventListener("second", () => second.setAttribute("aria-pressed", String(Boolean(bench.second))));
  return element("div", { class: "toolbar" }, title, arrow, chip(bench), known, element("span", { class: "space" }), second, copy, keys, reason);
}

async function copyLink(bench, button) {
  const address = linkTo(bench.state());
  const text = button.textContent;
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch {
    window.prompt("Copy this link", address); // browsers allow the clipboard on https and localhost only
  }
  setTimeout(() => (button.textContent = text), 1500);
}

// What must be known about the case and the slide on show, the weightiest first: [{level, text}].
export function noticesOf({ data, slide }) {
  const found = [...(data.notices ?? []), ...(slide?.view.notices ?? [])];
  return found.sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
}

// All of them on a click, and how many in a badge.
function notices(bench) {
  const list = element("ul", {});
  const summary = element("summary", {});
  const node = element("details", { class: "notices" }, summary, list);
  const refresh = () => {
    const found = noticesOf(bench);
    node.hidden = !found.length;
    if (!found.length) return;
    const weighty = found.filter(({ level }) => level !== "info").length;
    const count = weighty || found.length;
    node.dataset.level = found[0].level;
    summary.textContent = `${LEVELS[found[0].level]} ${count} ${weighty ? "warning" : "note"}${count > 1 ? "s" : ""}`;
    list.replaceChildren(...found.map(({ level, text }) => element("li", { class: level }, `${LEVELS[level]} ${text}`)));
  };
  for (const name of ["data", "slide"]) bench.addEventListener(name, refresh);
  node.addEventListener("focusout", (event) => node.contains(event.relatedTarget) || (node.open = false));
  return node;
}
