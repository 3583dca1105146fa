// <metric-board>: charts of the metrics that its table names. The table is the truth: it comes
// with the page, is replaced while the run goes on, and says which series there are and how many
// points they have. A chart off screen fetches nothing.
import { make } from "./chart-card.js";
import { setUpViews } from "./chart-view.js";
import { MetricCard } from "./metric-card.js";
import { SeriesFeed } from "./series-feed.js";

const DEFAULTS = { axis: "step", smoothing: 0, logX: false, logY: false };
const SETTINGS = "runyard.charts";
const PINNED = Symbol("pinned");
const MARGIN = 200; // pixels below the screen that count as seen

class MetricBoard extends HTMLElement {
  connectedCallback() {
    this.feed = new SeriesFeed(this.dataset.series);
    this.cards = new Map();
    this.groups = new Map();
    this.view = null;
    this.settings = { ...DEFAULTS, ...kept(SETTINGS, {}) };
    this.pins = new Set(kept(this.pinKey, []));
    this.place = this.querySelector(".chart-groups");
    this.twin = this.querySelector(".twin");
    this.form = this.querySelector(".chart-controls");
    this.seen = new IntersectionObserver((entries) => this.look(entries), { rootMargin: `${MARGIN}px` });
    this.watch = new MutationObserver(() => this.read());
    this.setUpForm();
    setUpViews(this, this.form);
    this.read();
    this.lookAtOnce();
    this.watch.observe(this.twin, { childList: true, subtree: true });
  }

  disconnectedCallback() {
    this.watch.disconnect();
    this.seen.disconnect();
    this.cards.forEach((card) => card.remove());
  }

  get pinKey() {
    return `runyard.pins.${this.dataset.pins}`;
  }

  // -- what there is

  read() {
    const rows = [...this.twin.querySelectorAll("tr[data-name]")].map(rowOf);
    this.rows = rows;
    this.toggleAttribute("data-bare", !rows.length);
    this.form.hidden = !rows.length;
    for (const row of rows.filter(isDrawn)) {
      if (this.cards.has(row.name)) this.cards.get(row.name).update(row);
      else this.add(row);
    }
    this.layOut();
    this.filter();
  }

  add(row) {
    const card = new MetricCard(this, row);
    this.cards.set(row.name, card);
    this.seen.observe(card.element);
  }

  layOut() {
    const groups = new Map();
    for (const row of this.rows) {
      const key = this.isPinned(row.name) ? PINNED : row.group;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    const order = [...groups.keys()].sort((a, b) => (b === PINNED) - (a === PINNED) || (a < b ? -1 : 1));
    order.forEach((key, at) => this.fill(this.groupAt(key, at), groups.get(key)));
    for (const [key, group] of this.groups) if (!groups.has(key)) this.drop(key, group);
    this.classList.toggle("one-group", order.length === 1 && order[0] === "");
  }

  groupAt(key, at) {
    if (!this.groups.has(key)) {
      const element = make("details", "chart-group");
      element.open = true;
      const summary = make("summary");
      const count = make("span", "quiet small");
      summary.append(make("h2", "", key === PINNED ? "Pinned" : key || "Metrics"), count);
      const tiles = make("dl", "tiles");
      const grid = make("div", "chart-grid");
      element.append(summary, tiles, grid);
      this.groups.set(key, { element, count, tiles, grid });
    }
    const group = this.groups.get(key);
    if (this.place.children[at] !== group.element) {
      this.place.insertBefore(group.element, this.place.children[at] ?? null);
    }
    return group;
  }

  drop(key, { element }) {
    element.remove();
    this.groups.delete(key);
  }

  fill({ count, tiles, grid }, rows) {
    count.textContent = rows.length;
    const cards = rows.filter(isDrawn).map((row) => this.cards.get(row.name).element);
    const isSame = cards.length === grid.children.length && cards.every((c, n) => c === grid.children[n]);
    if (!isSame) grid.replaceChildren(...cards);
    tiles.replaceChildren(...rows.filter((row) => !isDrawn(row)).map(tile));
  }

  // -- what is looked at

  // The charts that the page opens with: the observer tells of them only after they were painted.
  lookAtOnce() {
    const end = innerHeight + MARGIN;
    for (const card of this.cards.values()) {
      const { top, bottom } = card.element.getBoundingClientRect();
      if (bottom > top && bottom > -MARGIN && top < end) card.appear(true);
    }
  }

  look(entries) {
    for (const { target, isIntersecting } of entries) this.cards.get(target.dataset.name)?.appear(isIntersecting);
  }

  query() {
    const { axis, logX } = this.settings;
    const query = new URLSearchParams({ x: axis });
    if (logX && axis !== "time") query.set("log", "1");
    if (this.view) {
      query.set("from", this.view[0]);
      query.set("to", this.view[1]);
    }
    return String(query);
  }

  // Every chart looks there; without a place all of them show all.
  zoom(from, to) {
    const isPlace = Number.isFinite(from) && to > from && !(this.settings.logX && from <= 0);
    if (!isPlace && !this.view) return;
    this.view = isPlace ? [from, to] : null;
    this.form.elements.whole.hidden = !this.view;
    this.cards.forEach((card) => card.look());
  }

  // -- controls

  setUpForm() {
    const { axis, smoothing, logX, logY, filter, whole } = this.form.elements;
    axis.value = this.settings.axis;
    smoothing.value = this.settings.smoothing;
    logX.checked = this.settings.logX;
    logY.checked = this.settings.logY;
    this.form.elements.smoothed.value = this.settings.smoothing;
    filter.addEventListener("input", () => this.filter());
    smoothing.addEventListener("input", () => this.smooth(Number(smoothing.value)));
    for (const control of [axis, logX, logY]) {
      control.addEventListener("change", () => {
        this.set({ axis: axis.value, logX: logX.checked, logY: logY.checked });
        this.view = null;
        whole.hidden = true;
        this.cards.forEach((card) => card.rebuild());
      });
    }
    whole.addEventListener("click", () => this.zoom());
  }

  set(changes) {
    Object.assign(this.settings, changes);
    keep(SETTINGS, this.settings);
  }

  smooth(smoothing) {
    this.set({ smoothing });
    this.form.elements.smoothed.value = smoothing;
    this.cards.forEach((card) => card.cut && card.draw());
  }

  filter() {
    const { filter } = this.form.elements;
    const matches = pattern(filter);
    const isShown = (element) => (element.hidden = !matches(element.dataset.name));
    this.querySelectorAll("[data-name]").forEach(isShown);
    for (const { element } of this.groups.values()) {
      element.hidden = !element.querySelector("[data-name]:not([hidden])");
    }
  }

  isPinned(name) {
    return this.pins.has(name);
  }

  togglePin(name) {
    if (!this.pins.delete(name)) this.pins.add(name);
    keep(this.pinKey, [...this.pins]);
    this.cards.get(name).showPin();
    this.layOut();
  }
}

function isDrawn(row) {
  return row.count > 1;
}

function rowOf(element) {
  const text = (part) => element.querySelector(`[data-${part}]`)?.textContent.trim() ?? "";
  return {
    name: element.dataset.name,
    group: element.dataset.group,
    count: Number(element.dataset.count),
    last: text("last"),
    last_step: text("last-step"),
    lowest: text("lowest"),
    highest: text("highest"),
  };
}

function tile({ name, last }) {
  const element = make("div", "tile");
  element.dataset.name = name;
  element.append(make("dt", "mono", name), make("dd", "", last));
  return element;
}

// What a filter lets through: a regular expression, and until it is one, everything.
function pattern(input) {
  try {
    const expression = new RegExp(input.value.trim(), "i");
    input.removeAttribute("aria-invalid");
    input.setCustomValidity("");
    return (name) => expression.test(name);
  } catch {
    input.setAttribute("aria-invalid", "true");
    input.setCustomValidity("This is no regular expression yet.");
    return () => true;
  }
}

function kept(key, instead) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? instead;
  } catch {
    return instead;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing still shows everything
  }
}

customElements.define("metric-board", MetricBoard);
