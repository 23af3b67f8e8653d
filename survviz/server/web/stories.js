// The tab "Stories": store what is on show as a waypoint with words, put waypoints in order, play them.

import { element } from "./panel.js";
import { save } from "./saving.js";
import { stateOf, StoryList } from "./story_list.js";
import { StoryPlayer, travel } from "./story_player.js";

export const style = "stories.css";

const EMPTY = "A story is a list of places and maps with words, to be played in front of others. Begin one, and add what is on show.";

export function panel(bench) {
  const list = new StoryList(bench);
  const player = new StoryPlayer(bench);
  const message = element("p", { class: "note warning", role: "status", hidden: true });
  const say = (text) => ((message.textContent = text), (message.hidden = !text));
  list.addEventListener("problem", (event) => say(event.detail.text));
  return element("div", { class: "stories-panel" }, chooser(list, player, say), message, waypoints(bench, list, player));
}

function chooser(list, player, say) {
  const stories = element("select", { "aria-label": "Story", onchange: () => list.show(Number(stories.value)) });
  const title = element("input", { type: "text", maxlength: 200, "aria-label": "Title of the story", onchange: () => list.change({ title: title.value }) });
  const press = (text, help, action) => element("button", { type: "button", title: help, onclick: action }, text);
  const play = press("▶ Play", "Arrow keys move, Esc ends", () => player.play(list.story));
  play.classList.add("first");
  const begin = press("New", "An empty story", () => list.begin());
  const copy = press("Copy", "A copy of this story, to change it", () => list.copy());
  const discard = press("Delete", "Remove this story", () => list.discard());
  const picker = element("input", { type: "file", accept: ".json", hidden: true, "aria-label": "Story file", onchange: () => bring() });
  const take = press("Export", "This story as JSON", () => save(`${list.story.title.replace(/[^\w-]+/g, "_")}.json`, JSON.stringify(list.exported(), null, 1), "application/json"));
  const bring = async () => {
    const [file] = picker.files;
    picker.value = "";
    if (!file) return;
    try {
      say("");
      list.add(await list.ask(`stories/read?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file }));
    } catch (error) {
      say(error.message);
    }
  };
  const refresh = () => {
    stories.replaceChildren(...list.all.map((story, i) => element("option", { value: i, selected: i === list.open }, story.title || "Without a title")));
    stories.hidden = list.all.length < 2;
    title.hidden = discard.hidden = !list.isOwn;
    title.value = list.story?.title ?? "";
    for (const one of [play, copy, take]) one.disabled = !list.story?.waypoints.length;
  };
  list.addEventListener("changed", refresh);
  refresh();
  const importing = press("Import…", "A story that was exported before", () => picker.click());
  return element("div", { class: "story-chooser" }, stories, title, element("div", { class: "files" }, play, begin, copy, importing, take, discard), picker);
}

function waypoints(bench, list, player) {
  const title = element("h4", {});
  const stops = element("ol", { class: "stops" });
  const add = element("button", { type: "button", onclick: () => list.addWaypoint() }, "+ Add what is on show");
  const empty = element("p", { class: "muted" }, EMPTY);
  const refresh = () => {
    const { story } = list;
    empty.hidden = Boolean(story);
    add.hidden = !list.isOwn;
    title.hidden = list.isOwn || !story;
    title.textContent = story?.title ?? "";
    if (stops.contains(document.activeElement) || stops.contains(stops.getRootNode().activeElement)) return refreshNumbers();
    stops.replaceChildren(...(story?.waypoints ?? []).map((one, i) => stop(bench, list, player, one, i)));
    refreshNumbers();
  };
  const refreshNumbers = () => [...stops.children].forEach((node, i) => node.classList.toggle("now", player.story === list.story && i === player.at));
  list.addEventListener("changed", refresh);
  player.addEventListener("stop", refreshNumbers);
  refresh();
  return element("div", { class: "story" }, title, empty, stops, add);
}

function stop(bench, list, player, { title, text = "", state }, i) {
  const go = () => (player.story === list.story ? player.go(i) : travel(bench, state));
  const name = element("button", { type: "button", role: "link", class: "stop-title", title: "Go there", onclick: go }, title || `Stop ${i + 1}`);
  if (!list.isOwn) return element("li", {}, name, element("p", { class: "muted stop-text" }, text));
  const { length } = list.story.waypoints;
  const blurred = (action) => (event) => {
    event.currentTarget.blur(); // else the list would not be drawn anew under the focus
    action();
  };
  const icon = (label, help, action, disabled = false) => element("button", { type: "button", role: "link", class: "icon", title: help, "aria-label": help, disabled, onclick: blurred(action) }, label);
  const titleField = element("input", { type: "text", maxlength: 200, value: title, "aria-label": `Title of stop ${i + 1}`, onchange: () => list.changeWaypoint(i, { title: titleField.value }) });
  const textField = element("textarea", { maxlength: 4000, rows: 3, "aria-label": `Text of stop ${i + 1}`, placeholder: "What to say here", onchange: () => list.changeWaypoint(i, { text: textField.value }) });
  textField.value = text;
  return element(
    "li", {},
    element(
      "div", { class: "stop-head" }, titleField,
      icon("▸", "Go there", go), icon("⟳", "Store what is on show here instead", () => list.changeWaypoint(i, { state: stateOf(bench) })),
      icon("↑", "Earlier", () => list.moveWaypoint(i, -1), i === 0), icon("↓", "Later", () => list.moveWaypoint(i, 1), i === length - 1),
      icon("×", "Remove this stop", () => list.removeWaypoint(i)),
    ),
    textField,
  );
}
