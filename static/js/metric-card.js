// The chart of one metric: it fetches what its board looks at, and while the run goes on only
// what it lacks.
import { ChartCard } from "./chart-card.js";
import { columnsOf } from "./chart-view.js";
import { smoothed } from "./smooth.js";

const drawing = import("./chart.js"); // most of the code: it comes while the studio answers

const BUCKET_PARTS = ["x", "last", "min", "max", "mean"];

export class MetricCard extends ChartCard {
  constructor(board, row) {
    const exportUrl = `${board.dataset.export}?keys=${encodeURIComponent(row.name)}`;
    super({ name: row.name, exportUrl, file: `run-${board.dataset.run}` });
    this.board = board;
    this.isVisible = false;
    this.pin = this.addAction("pin", "", () => board.togglePin(this.name));
    this.update(row);
  }

  // The row of the table that says what there is.
  update(row) {
    this.row = row;
    const at = row.last_step ? ` at ${row.last_step}` : "";
    const bounds = row.lowest ? ` · ${row.lowest} to ${row.highest}` : "";
    this.describe(`last ${row.last}${at}${bounds}`);
    this.showPin();
    if (this.isVisible && row.count !== this.cut?.count) this.refresh();
  }

  showPin() {
    const isPinned = this.board.isPinned(this.name);
    this.pin.title = this.pin.ariaLabel = isPinned ? `Unpin ${this.name}` : `Pin ${this.name} to the top`;
    this.pin.setAttribute("aria-pressed", isPinned);
  }

  appear(isVisible) {
    if (isVisible === this.isVisible) return;
    this.isVisible = isVisible;
    if (isVisible && (!this.cut || this.isStale || this.row.count !== this.cut.count)) this.refresh();
  }

  // Another place or another axis: what is there stays until the answer comes.
  look() {
    this.isStale = true;
    if (!this.isVisible) return;
    this.chart?.look();
    this.refresh();
  }

  rebuild() {
    this.chart?.destroy();
    this.chart = null;
    this.cut = null;
    if (this.isVisible) this.refresh();
  }

  async refresh() {
    if (this.isBusy) {
      this.isDue = true;
      return;
    }
    const { view } = this.board;
    if (view && this.cut && !this.isStale) return; // who looks closely is not disturbed
    this.isBusy = true;
    this.isDue = this.isStale = false;
    const settings = this.board.query();
    try {
      const have = this.have(settings);
      if (!have) this.columns = columnsOf(this.host);
      const query = `${settings}&px=${this.columns}`;
      const asked = this.board.feed.get({ name: this.name, query, have });
      const [answer, drawn] = await Promise.all([asked, drawing]);
      this.drawn = drawn;
      if (settings === this.board.query()) this.take(answer, settings);
      else this.isDue = this.isStale = true;
    } catch (error) {
      this.isPictureDue = false;
      this.say(`This chart could not be loaded. ${error.message}`);
    }
    this.isBusy = false;
    if (this.isDue) this.refresh();
  }

  // What the next answer may start from: nothing, or the whole series as far as it was known.
  have(settings) {
    const { cut } = this;
    if (!cut?.x.length || this.board.view || this.settings !== settings) return "";
    return [cut.count, cut.width, cut.x[0], cut.x[cut.x.length - 1]].join();
  }

  take(answer, settings) {
    if (answer.is_tail) this.append(answer);
    else this.cut = answer;
    this.settings = settings;
    this.draw();
  }

  append(tail) {
    const { cut } = this;
    if (cut.width && tail.x.length) {
      while (cut.x.length && cut.x[cut.x.length - 1] >= tail.x[0]) {
        BUCKET_PARTS.forEach((part) => cut[part].pop());
      }
      cut.odd = cut.odd.filter((x) => x < tail.x[0]);
    }
    for (const part of [...BUCKET_PARTS, "odd"]) if (tail[part]) cut[part].push(...tail[part]);
    cut.odd_count += tail.odd_count;
    cut.count = tail.count;
  }

  draw() {
    const { cut, board } = this;
    const { Chart, number } = this.drawn;
    const { smoothing, logY } = board.settings;
    const values = cut.mean ?? cut.last;
    const line = smoothing ? smoothed(values, smoothing) : values;
    this.chart ??= new Chart(this.host, this.options());
    this.chart.show({
      x: cut.x,
      lines: [line],
      pale: smoothing ? values : null,
      least: cut.min,
      most: cut.max,
      odd: cut.odd,
    });
    if (this.isPictureDue) this.savePicture();
    const isHidden = logY && !values.some((value) => value > 0);
    this.say([
      isHidden && "Nothing is above zero: a logarithmic axis shows none of it.",
      cut.odd_count && `${number(cut.odd_count)} ${cut.odd_count === 1 ? "value is" : "values are"} not finite.`,
    ].filter(Boolean).join(" "));
  }

  options() {
    const { board } = this;
    const { axis, logX, logY } = board.settings;
    return {
      axis,
      isLog: logY,
      isLogX: logX && axis !== "time",
      lines: [{ label: this.name }],
      band: true,
      write: this.drawn.number,
      sync: "metrics",
      view: () => board.view,
      zoom: (from, to) => board.zoom(from, to),
      reset: () => board.zoom(),
      told: (said) => this.told(said),
      spoken: (text) => (this.spoken.textContent = text),
    };
  }
}
