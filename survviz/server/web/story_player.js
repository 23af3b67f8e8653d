// Plays a story: moves the bench from waypoint to waypoint, with a card of text over the stage.
// Arrow keys, Page Up and Down and the card's buttons move; Escape ends.

import { element } from "./panel.js";
import { fitted } from "./story_list.js";

const SECONDS = 1.2;
const KEYS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };

// Events: "stop" (another waypoint, or -1 = ended).
export class StoryPlayer extends EventTarget {
  constructor(bench) {
    super();
    this.bench = bench;
    this.story = null;
    this.at = -1;
    this.build();
    this.onKey = (event) => this.key(event);
  }

  build() {
    this.count = element("span", { class: "muted" });
    this.title = element("h4", {});
    this.text = element("div", { class: "story-text" });
    const press = (label, title, action) => element("button", { type: "button", title, "aria-label": title, onclick: action }, label);
    this.back = press("‹", "Previous stop (←)", () => this.go(this.at - 1));
    this.next = press("Next ›", "Next stop (→)", () => this.go(this.at + 1));
    this.close = press("×", "End the story (Esc)", () => this.end());
    this.card = element(
      "div", { class: "panel story-card stories-panel", role: "dialog", "aria-label": "Story", hidden: true },
      element("div", { class: "story-head" }, this.count, this.close), this.title, this.text,
      element("div", { class: "story-foot" }, this.back, this.next),
    );
    this.bench.stage.element.append(this.card);
  }

  play(story, at = 0) {
    if (!story?.waypoints.length) return;
    if (!this.story) this.root = this.bench.stage.element.closest(".viewer");
    this.story = story;
    this.root.addEventListener("keydown", this.onKey, { capture: true });
    this.go(at);
    this.root.focus({ preventScroll: true });
  }

  async go(at) {
    const { waypoints } = this.story;
    if (at < 0 || at >= waypoints.length) return;
    this.at = at;
    this.refresh();
    this.dispatchEvent(new Event("stop"));
    await travel(this.bench, waypoints[at].state);
  }

  refresh() {
    const { waypoints } = this.story;
    const { title, text = "" } = waypoints[this.at];
    this.card.hidden = false;
    this.card.dataset.stop = this.at;
    this.count.textContent = `${this.at + 1} of ${waypoints.length} · ${this.story.title}`;
    this.title.textContent = title;
    this.text.replaceChildren(...text.split(/\n{2,}/).filter(Boolean).map((part) => element("p", {}, part)));
    const focused = this.card.querySelector(":focus");
    this.back.disabled = this.at === 0;
    this.next.disabled = this.at === waypoints.length - 1;
    if (focused?.disabled) this.root.focus({ preventScroll: true }); // else keys go nowhere
  }

  end() {
    this.card.hidden = true;
    this.root?.removeEventListener("keydown", this.onKey, { capture: true });
    this.story = null;
    this.at = -1;
    this.dispatchEvent(new Event("stop"));
  }

  key(event) {
    if (event.target.matches("input, textarea, select")) return;
    const by = KEYS[event.key];
    if (by === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (by) this.go(this.at + by);
    else this.end();
  }
}

// Go to what a waypoint shows: slowly on the same slide, at once for those who want no motion.
export async function travel(bench, state) {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  await bench.restore({ ...state, view: null });
  if (!state.view) return;
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))); // a second stage takes room
  if (!still) slowly(bench.stage.osd?.viewport);
  bench.setViewport(fitted(bench, state).view, still);
}

function slowly(viewport) {
  if (!viewport) return;
  const springs = [viewport.centerSpringX, viewport.centerSpringY, viewport.zoomSpring, viewport.degreesSpring];
  const usual = springs.map((spring) => spring.animationTime);
  springs.forEach((spring) => (spring.animationTime = SECONDS));
  setTimeout(() => springs.forEach((spring, i) => (spring.animationTime = Math.min(usual[i], 0.4))), SECONDS * 1000);
}
