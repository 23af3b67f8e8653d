// Keys of the workbench. A key belongs to the control that has the focus first, then to a drawing tool, then to the view.

import { element } from "./panel.js";

const HELP = [
  ["Space (hold)", "look under the map"], ["H", "map on, off"], ["[ ]", "opacity"], ["1 – 4", "kind of map"],
  ["S", "side by side"], ["+ −", "zoom"], ["0", "whole slide"], ["Arrows", "move; in the gallery: the next patch"],
  ["R, Shift R", "rotate"], ["M", "overview on, off"], ["F", "full screen"], ["Esc", "leave the mark"], ["?", "this list"],
];

function keyOfControl({ target, key }) {
  if (target.matches("select, textarea, [contenteditable]")) return true;
  if (target.matches("input:not([type=range], [type=checkbox], [type=radio])")) return key !== "Escape";
  if (target.matches("[type=range], [role=option], [role=tab]")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return target.matches("input, button, a, summary") && (key === " " || key === "Enter");
}

// `workbench` has bench, root, peek(on), toggleSecond(), showKeys(), fullScreen(). Returns the list of
// keys, a dialog.
export function listenToKeys(workbench) {
  const { bench, root } = workbench;
  const help = element(
    "dialog", { class: "keys-help", "aria-label": "Keys" },
    element("h4", {}, "Keys"),
    element("dl", {}, ...HELP.flatMap(([key, words]) => [element("dt", {}, key), element("dd", {}, words)])),
    element("form", { method: "dialog" }, element("button", {}, "Close")),
  );
  root.append(help);
  const stage = () => bench.stage;
  const kind = (number) => bench.data.kinds[number - 1] && bench.choose({ kind: bench.data.kinds[number - 1].id });
  const actions = {
    " ": () => workbench.peek(true),
    h: () => bench.set("visible", !bench.settings.visible),
    "[": () => bench.fade(-0.05),
    "]": () => bench.fade(0.05),
    1: () => kind(1),
    2: () => kind(2),
    3: () => kind(3),
    4: () => kind(4),
    s: () => workbench.toggleSecond(),
    "+": () => stage().zoom(1.5),
    "=": () => stage().zoom(1.5),
    "-": () => stage().zoom(1 / 1.5),
    0: () => stage().home(),
    r: (event) => stage().rotate(event.shiftKey ? -90 : 90),
    m: () => stage().toggleOverview(),
    f: () => workbench.fullScreen(),
    "?": () => workbench.showKeys(),
    escape: () => stage().unmark(),
    arrowleft: () => stage().pan(-80, 0),
    arrowright: () => stage().pan(80, 0),
    arrowup: () => stage().pan(0, -80),
    arrowdown: () => stage().pan(0, 80),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation(); // Streamlit reads single keys too (R reruns)
    if (help.open ? event.key !== "?" : keyOfControl(event) || event.defaultPrevented) return;
    if (stage().tool?.key?.(event)) return event.preventDefault();
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
  root.addEventListener("keyup", (event) => event.key === " " && workbench.peek(false));
  return help;
}
