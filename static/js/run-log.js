// <run-log data-name="run/42" data-stream="run.log" data-url="/runs/42/log/" …>: a log whose end,
// or some stretch of it, came with the page. The page's socket tells how its end looks now, drawn
// by the server once for everybody; without a socket it is asked for every two seconds. All other
// lines are fetched by clusters where one scrolls (log-window.js). What not every log or reader
// needs is loaded when it is needed: search, marks, the states of progress bars.
import { LogSelect } from "./log-select.js";
import { LogView } from "./log-view.js";
import { LogWindow, addTo } from "./log-window.js";

const POLL_MS = 2000;
const LOOK_MS = 4000;
const NEAR_END_PX = 24;
const FULL = 47; // of 50 clusters: more news would push out what somebody reads

class RunLog extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".log");
    if (!this.box || this.window) return;
    ({ name: this.name, stream: this.stream } = this.dataset);
    this.isFailed = "failed" in this.dataset;
    this.wantedLine = Number(this.dataset.line || 0);
    this.marks = { hidden: () => 0, drawn() {}, reveal() {} };
    this.window = new LogWindow(this.box, Number(this.dataset.total), {
      address: (k) => this.part(`cluster/${k}/`, `v=${this.dataset.version}`),
      drawn: (rows) => this.drawn(rows),
      hidden: (from, to) => this.marks.hidden(from, to),
      movedUp: () => this.readerMoved(),
      moved: () => this.moved(),
      settled: () => this.say(),
    });
    this.seen = this.window.total;
    this.view = new LogView(this, this.box, (change) => this.change(change));
    this.select = new LogSelect(this, this.window);
    this.button = this.querySelector("[data-log-end]");
    this.button?.addEventListener("click", () => this.goToEnd());
    this.querySelector("[data-log-to-end]")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.goToEnd();
    });
    this.querySelector("[data-log-last]")?.addEventListener("click", () => this.goToEnd());
    this.querySelector("[data-log-first]")?.addEventListener("click", () => this.goToStart());
    const form = this.querySelector("[data-log-search]");
    form?.addEventListener("focusin", () => this.loadSearch(), { once: true });
    form?.addEventListener("submit", (event) => event.preventDefault());
    this.onKey = (event) => this.key(event);
    addEventListener("keydown", this.onKey);
    this.drawn(this.window.rows());
    this.begin();
  }

  disconnectedCallback() {
    document.querySelector("live-socket")?.unfollow(this);
    removeEventListener("keydown", this.onKey);
    this.search?.stop();
    this.select?.stop();
  }

  async begin() {
    this.isLive = !("sealed" in this.dataset);
    const isNamed = this.select.read();
    this.following = !isNamed && !this.wantedLine && this.window.isAtEnd;
    if (this.following) this.window.toEnd();
    if (this.isLive) this.start();
    if (isNamed) await this.goTo(this.select.range[0]);
    else if (this.wantedLine) await this.goTo(this.wantedLine);
    this.say();
    await this.look();
    if (this.following) this.window.toEnd();
    await this.fill();
  }

  // What a burst or a jump left out of a short log comes into the page too.
  async fill() {
    await this.window.fill().catch(() => {}); // without a connection: the end of the run asks again
    if (this.following) this.window.toEnd();
    this.say();
  }

  async loadSearch() {
    const { LogSearch } = await import("./log-search.js");
    if (this.isConnected) this.search = new LogSearch(this, this.window, isForUs);
  }

  // What stands out in the log: asked for at first, at its end, and now and then while it grows.
  async look() {
    this.lookAgain = this.isLooking;
    if (this.isLooking) return;
    this.isLooking = true;
    this.lookedAt = performance.now();
    try {
      const answer = await fetch(this.part("marks/"));
      if (answer.ok) await this.mark(await answer.json());
    } catch {
      // asked again when the log grows
    }
    this.isLooking = false;
    if (this.lookAgain) await this.look();
  }

  async mark(told) {
    this.view.startAt(told.start);
    if (!this.marks.take && (told.errors || told.groups.length)) {
      const { LogMarks } = await import("./log-marks.js");
      this.marks = new LogMarks(this, this.window);
    }
    this.marks.take?.(told);
  }

  start() {
    const attach = () => document.querySelector("live-socket")?.follow(this);
    customElements.whenDefined("live-socket").then(attach);
  }

  // The address of a part of this log.
  part(path, query = "") {
    const more = [this.dataset.query, query].filter(Boolean).join("&");
    return `${this.dataset.url}${path}${more && (path.includes("?") ? "&" : "?")}${more}`;
  }

  // --- what the server says -------------------------------------------------------------------

  take(message) {
    const { total, sealed } = message;
    this.latest = message;
    if (this.following || this.window.isAtEnd) this.draw(message);
    else this.window.grewTo(total);
    if (sealed) this.end();
    if (performance.now() - this.lookedAt > LOOK_MS && !document.hidden) this.look();
    this.search?.grew();
    this.say();
  }

  draw(message) {
    const { clusters, span } = this.window;
    const isHeld = !this.following && (clusters.length >= FULL || message.from > span[1] + 1);
    if (isHeld) this.window.grewTo(message.total);
    else if (!this.window.apply(message)) this.catchUp();
    if (this.following) {
      this.window.toEnd();
      this.seen = message.total;
    }
  }

  end() {
    this.isLive = false;
    this.querySelector("[data-log-state]")?.replaceChildren("complete");
    this.look();
    this.fill();
  }

  // Lines are missing between those in the page and the news: the whole end is asked for.
  async catchUp() {
    if (this.isCatchingUp) return;
    this.isCatchingUp = true;
    try {
      const answer = await fetch(this.part("tail/"));
      if (answer.ok) {
        const message = await answer.json();
        if (this.following) {
          this.window.apply(message);
          this.window.toEnd();
          this.seen = message.total;
          this.fill();
        } else this.window.grewTo(message.total);
        if (message.sealed && this.isLive) this.end();
        this.say();
      }
    } catch {
      // the socket, or the next poll, will tell
    }
    this.isCatchingUp = false;
  }

  async poll() {
    if (!this.isLive || this.isPolling || performance.now() - (this.polledAt ?? 0) < POLL_MS) return;
    this.isPolling = true;
    this.polledAt = performance.now();
    try {
      const answer = await fetch(this.part("tail/"));
      if (answer.ok) this.take(await answer.json());
    } catch {
      // asked again at the next tick
    }
    this.isPolling = false;
  }

  // --- what the reader does -------------------------------------------------------------------

  readerMoved() {
    if (!this.following) return;
    this.following = false;
    this.seen = this.window.total;
    this.say();
  }

  moved() {
    if (!this.view) return;
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const isAtEnd = this.window.isAtEnd && scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (isAtEnd && !this.following) {
      this.following = true;
      this.seen = this.window.total;
      this.say();
    }
  }

  async goToEnd() {
    this.following = true;
    if (this.window.isAtEnd) this.window.toEnd();
    else await this.catchUp();
    this.seen = this.window.total;
    this.say();
  }

  async goToStart() {
    this.following = false;
    await this.window.show(1, "start");
    this.window.scrollTo(0);
    this.say();
  }

  async goTo(line, block) {
    this.following = false;
    this.marks.reveal(line);
    this.pointed = line;
    const row = await this.window.show(line, block);
    this.point(this.window.rows());
    this.say();
    return row;
  }

  // The line that one was led to.
  point(rows) {
    for (const row of rows) {
      const n = Number(row.dataset.n);
      row.classList.toggle("at", n <= this.pointed && this.pointed <= Number(row.dataset.to ?? n));
    }
  }

  change(change) {
    const { window } = this;
    const spaced = () => {
      change();
      window.space();
    };
    if (this.following || !window.topRow) spaced();
    else window.keepPlace(window.topRow, spaced);
    if (this.following) window.toEnd();
  }

  key(event) {
    if (!isForUs(event) || this.box.contains(document.activeElement?.closest("button"))) return;
    const deed = { End: "goToEnd", G: "goToEnd", Home: "goToStart" }[event.key];
    if (!deed) return;
    event.preventDefault();
    this[deed]();
  }

  // --- what one sees --------------------------------------------------------------------------

  drawn(rows) {
    this.view?.stamp(rows);
    this.marks.drawn(rows);
    this.search?.drawn(rows);
    this.select?.drawn(rows);
    if (this.pointed) this.point(rows);
    for (const row of rows) if (row.dataset.u) this.offerStates(row);
  }

  // A progress bar can be opened: each state that it went through.
  offerStates(row) {
    if (row.querySelector(".ups")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ups";
    button.dataset.said = button.ariaLabel = `${count(Number(row.dataset.u))} updates`;
    button.ariaExpanded = "false";
    button.addEventListener("click", async () => {
      const { toggle } = await import("./log-states.js");
      toggle(this, row, button);
    });
    addTo(row, button);
  }

  say() {
    const { window } = this;
    if (!this.view) return;
    const [first, last] = window.span;
    this.view.widen(window.total);
    const span = this.querySelector("[data-log-span]");
    if (span && window.total) {
      span.classList.remove("quiet");
      span.textContent = `lines ${count(first)}–${count(last)} of ${count(window.total)}`;
    }
    this.querySelector("[data-log-empty]")?.toggleAttribute("hidden", Boolean(window.total));
    const fresh = this.following ? 0 : window.total - this.seen;
    if (!this.button) return;
    this.button.hidden = fresh <= 0;
    this.button.textContent = `${count(fresh)} new ${fresh === 1 ? "line" : "lines"} ↓`;
  }
}

// Whether a key is for the page, and not for a field, a dialog or the browser.
function isForUs(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return false;
  if (document.documentElement.dataset.keys === "off") return false;
  return !event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
}

function count(number) {
  return number.toLocaleString("en");
}

customElements.define("run-log", RunLog);
