// <resource-lanes>: what the run's processes used, one chart above the other over one time.
// The table beside them is replaced while the run goes on, and says when there is a sample more.
import { Chart } from "./chart.js";
import { ChartCard, make } from "./chart-card.js";
import { columnsOf, setUpViews } from "./chart-view.js";
import { UNITS } from "./chart-words.js";

const SIDE = 66; // one for all, so that a moment is at one place in all of them

class ResourceLanes extends HTMLElement {
  connectedCallback() {
    this.cards = new Map();
    this.view = null;
    this.place = this.querySelector(".lanes");
    this.twin = this.querySelector(".twin");
    this.form = this.querySelector(".chart-controls");
    setUpViews(this, this.form);
    this.form.elements.whole.addEventListener("click", () => this.zoom());
    this.watch = new MutationObserver(() => this.read());
    this.watch.observe(this.twin, { childList: true, subtree: true });
    this.read();
  }

  disconnectedCallback() {
    this.watch.disconnect();
    this.cards.forEach((card) => card.remove());
  }

  read() {
    const count = Number(this.twin.querySelector("[data-count]")?.dataset.count ?? 0);
    this.toggleAttribute("data-bare", !count);
    this.form.hidden = !count;
    if (count && count !== this.count && !this.view) this.refresh();
    this.count = count;
  }

  zoom(from, to) {
    const isPlace = Number.isFinite(from) && to > from;
    if (!isPlace && !this.view) return;
    this.view = isPlace ? [from, to] : null;
    this.form.elements.whole.hidden = !this.view;
    this.cards.forEach((card) => card.chart.look());
    this.refresh();
  }

  async refresh() {
    if (this.isBusy) {
      this.isDue = true;
      return;
    }
    this.isBusy = true;
    this.isDue = false;
    const { view } = this;
    const query = new URLSearchParams({ px: columnsOf(this.place) });
    if (view) {
      query.set("from", view[0]);
      query.set("to", view[1]);
    }
    try {
      const answer = await fetch(`${this.dataset.usage}?${query}`);
      if (answer.ok && view === this.view) (await answer.json()).lanes.forEach((lane) => this.draw(lane));
    } catch {
      // what is drawn stays; the next sample asks again
    }
    this.isBusy = false;
    if (this.isDue || view !== this.view) this.refresh();
  }

  draw(lane) {
    if (!this.cards.has(lane.title)) this.add(lane);
    const card = this.cards.get(lane.title);
    card.chart.show({
      x: lane.x,
      lines: lane.lines.map((line) => line.values),
      least: lane.least,
      most: lane.most,
    });
    if (!this.view) card.describe(summary(lane));
  }

  add(lane) {
    const card = new ChartCard({ name: lane.title, file: `run-${this.dataset.run}` });
    this.cards.set(lane.title, card);
    if (lane.lines.length > 1) card.host.before(key(lane));
    this.place.append(card.element);
    card.chart = new Chart(card.host, {
      axis: "relative",
      lines: lane.lines,
      band: lane.lines.length === 1,
      fromZero: true,
      limit: lane.limit,
      whole: lane.unit === "count",
      side: SIDE,
      write: UNITS[lane.unit],
      sync: "resources",
      view: () => this.view,
      zoom: (from, to) => this.zoom(from, to),
      reset: () => this.zoom(),
      told: (said) => card.told(said),
      spoken: (text) => (card.spoken.textContent = text),
    });
  }
}

function summary(lane) {
  const write = UNITS[lane.unit];
  const now = lane.lines.map(({ values }) => lastOf(values)).filter((value) => value !== undefined);
  const of = lane.limit ? ` of ${write(lane.limit)}` : "";
  return `last ${now.map(write).join(" · ")}${of}`;
}

function lastOf(values) {
  return values.findLast((value) => value !== null);
}

// Which line is which: a swatch in the line's own colour and dash.
function key(lane) {
  const list = make("ul", "chart-key");
  lane.lines.forEach(({ label }, n) => list.append(make("li", `swatch-${(n % 8) + 1}`, label)));
  return list;
}

customElements.define("resource-lanes", ResourceLanes);
