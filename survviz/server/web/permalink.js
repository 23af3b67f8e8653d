// Everything that is on show, as a short text for the address: named fields, those at their default left out.
// "s:SLIDE~v:12000,8000,0.05,90~m:attention:genomic:pathology:Hypoxia:mean:mean~o:0.6~2:map:1:attention:..."

import { SETTINGS } from "./bench.js";

const DRAWN = { o: "opacity", t: "threshold", f: "share", g: "signed", d: "spread", r: "range", c: "colormap", h: "visible", b: "smooth" };
const CHOICE = ["kind", "query", "key", "token", "head", "fold"];
const VIEW = { x: 0, y: 0, scale: 5, rotation: 2 }; // decimals

const escape = (text) => String(text).replace(/[%~:]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
const unescape = (text) => decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
const written = (choice) => [...CHOICE.map((name) => escape(choice[name])), ...(choice.model ? [escape(choice.model)] : [])].join(":");
const number = (value) => Number(value);

export function toText({ slide, view, choice, settings, second, selected }) {
  const fields = [];
  if (slide) fields.push(`s:${escape(slide)}`);
  if (view) fields.push(`v:${Object.entries(VIEW).map(([name, decimals]) => number(view[name].toPrecision(8) * 1).toFixed(decimals) * 1).join(",")}`);
  if (choice) fields.push(`m:${written(choice)}`);
  for (const [letter, name] of Object.entries(DRAWN)) {
    if (settings[name] !== SETTINGS[name]) fields.push(`${letter}:${escape(settings[name])}`);
  }
  if (second) fields.push(`2:${second.shows}:${Number(second.linked)}:${written(second.choice)}`);
  if (selected >= 0) fields.push(`p:${selected}`);
  return fields.join("~");
}

// The state that a text names, or null when it is none of ours.
export function fromText(text) {
  const fields = new Map((text ?? "").split("~").map((field) => [field[0], field.slice(2)]));
  if (!fields.has("m") && !fields.has("s") && !fields.has("v")) return null;
  const state = { settings: { ...SETTINGS } };
  try {
    if (fields.has("s")) state.slide = unescape(fields.get("s"));
    if (fields.has("v")) state.view = viewOf(fields.get("v"));
    if (fields.has("m")) state.choice = choiceOf(fields.get("m").split(":"));
    if (fields.has("p")) state.selected = number(fields.get("p"));
    if (fields.has("2")) {
      const [shows, linked, ...choice] = fields.get("2").split(":");
      state.second = { shows, linked: linked === "1", choice: choiceOf(choice) };
    }
    for (const [letter, name] of Object.entries(DRAWN)) if (fields.has(letter)) state.settings[name] = settingOf(name, unescape(fields.get(letter)));
  } catch {
    return null; // cut off or mistyped
  }
  return state;
}

function viewOf(text) {
  const values = text.split(",").map(number);
  if (values.length !== 4 || !values.every(Number.isFinite) || values[2] <= 0) return undefined;
  return Object.fromEntries(Object.keys(VIEW).map((name, i) => [name, values[i]]));
}

function choiceOf(parts) {
  const choice = Object.fromEntries(CHOICE.map((name, i) => [name, unescape(parts[i] ?? "")]));
  if (parts[CHOICE.length]) choice.model = unescape(parts[CHOICE.length]);
  for (const name of ["head", "fold"]) if (/^\d+$/.test(choice[name])) choice[name] = number(choice[name]);
  return choice;
}

function settingOf(name, text) {
  if (typeof SETTINGS[name] === "boolean") return text === "true";
  if (typeof SETTINGS[name] === "number") return Number.isFinite(number(text)) ? number(text) : SETTINGS[name];
  return text;
}

// Mirror the bench in the address bar, a moment after the last change. Streamlit writes the address too, when data come.
export function mirrorInAddress(bench, keep) {
  const page = window.location.pathname;
  let waiting;
  const write = () => {
    if (window.location.pathname !== page || !bench.slide || bench.pending) return;
    const state = bench.state();
    keep(state);
    const address = linkTo(state);
    if (address !== window.location.href) window.history.replaceState(window.history.state, "", address);
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(write, 250);
  };
  for (const name of ["data", "slide", "map", "settings", "second", "select", "view"]) bench.addEventListener(name, soon);
  return () => clearTimeout(waiting);
}

export function linkTo(state) {
  const address = new URL(window.location.href);
  address.searchParams.set("at", toText(state));
  return address.href;
}

export const inAddress = () => fromText(new URL(window.location.href).searchParams.get("at"));
