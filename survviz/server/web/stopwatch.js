// How long a question was on the screen, by a clock that nobody can set. While it is paused, or the tab is hidden, the
// time counts as away.

export class Stopwatch {
  constructor(onHide = () => {}) {
    this.paused = false;
    this.onVisibility = () => {
      this.turn();
      if (document.hidden) onHide();
    };
    document.addEventListener("visibilitychange", this.onVisibility);
    this.start();
  }

  start() {
    this.shownAt = Date.now();
    this.elapsed = this.away = 0;
    this.since = performance.now();
    this.wasAway = this.isAway;
  }

  get isAway() {
    return this.paused || document.hidden;
  }

  // Book the time since the last turn to where it was spent.
  turn() {
    const now = performance.now();
    this[this.wasAway ? "away" : "elapsed"] += now - this.since;
    this.since = now;
    this.wasAway = this.isAway;
  }

  pause(on) {
    this.paused = on;
    this.turn();
  }

  read() {
    this.turn();
    return { shown_at: this.shownAt, answered_at: Date.now(), elapsed_ms: Math.round(this.elapsed), away_ms: Math.round(this.away) };
  }

  stop() {
    document.removeEventListener("visibilitychange", this.onVisibility);
  }
}
