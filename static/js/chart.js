// One chart: lines over a common axis, in the colours of the page, for mouse, keyboard and reader.
// What it shows is given by `show`; where it looks is asked of its owner, who has all charts of a
// page look at the same place:
//   axis        step, relative or time        lines       [{label, colour, dash}]
//   write(v)    a value as text               isLog, isLogX
//   view()      [from, to] or null: all       zoom(from, to), reset()
//   sync        charts of one name share the cursor
//   limit       a value that is drawn across  band        whether there is a least and a most
//   fromZero    the axis begins there         whole       ticks are whole numbers
//   side        how wide the values' axis is, where charts stand above each other
import { colours, faint, lineColour, lineDash, onTheme } from "./chart-theme.js";
import { PLACES, STRIDES, TICKS } from "./chart-words.js";

export { number } from "./chart-words.js";

// what draws the lines is no module: it comes by a script of its own, which may be on its way
if (!window.uPlot && document.readyState !== "complete") {
  await new Promise((resolve) => {
    document.getElementById("uplot").addEventListener("load", resolve);
    addEventListener("load", resolve); // also when it failed
  });
}
if (!window.uPlot) throw new Error("What draws it did not arrive: load the page again.");

const BAND = 2; // lines of their own, below the others, that only bound what is filled
const FEW_POINTS = 40;
const FAINT = 0.35;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

export class Chart {
  constructor(host, options) {
    this.host = host;
    this.options = options;
    this.offTheme = onTheme(() => this.plot?.redraw(false));
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(host);
    this.onKey = (event) => this.key(event);
    host.addEventListener("keydown", this.onKey);
  }

  destroy() {
    this.offTheme();
    this.resized.disconnect();
    this.host.removeEventListener("keydown", this.onKey);
    this.plot?.destroy();
    this.plot = null;
  }

  // data: {x, lines: [[…]], least, most, pale, odd}; `pale` is what `lines[0]` was smoothed from.
  show(data) {
    this.data = data;
    const columns = [data.x];
    if (this.options.band) columns.push(data.least ?? blank(data.x), data.most ?? blank(data.x));
    if (this.options.band) columns.push(data.pale ?? blank(data.x));
    columns.push(...data.lines);
    const usable = this.options.isLog ? columns.map((c, n) => (n ? c.map(above) : c)) : columns;
    if (this.plot) this.plot.setData(usable);
    else this.plot = new uPlot(this.settings(), usable, this.host);
  }

  // Looks where the owner looks now, with what is there until more comes.
  look() {
    this.plot?.setData(this.plot.data);
  }

  fit() {
    const { width, height } = this.size();
    if (this.plot && width && (width !== this.plot.width || height !== this.plot.height)) {
      this.plot.setSize({ width, height });
    }
  }

  size() {
    return { width: Math.floor(this.host.clientWidth), height: Math.floor(this.host.clientHeight) };
  }

  settings() {
    const { options } = this;
    return {
      ...this.size(),
      padding: [8, 18, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: options.axis === "time", distr: options.isLogX ? 3 : 1, range: (_, a, b) => this.range(a, b) },
        y: options.isLog ? { distr: 3, range: decades } : { range: (_, a, b) => this.values(a, b) },
      },
      axes: [this.placeAxis(), this.sideAxis()],
      series: [{}, ...this.series()],
      bands: options.band ? [{ series: [2, 1], fill: () => faint(lineColour(0), 0.18) }] : [],
      cursor: {
        y: false,
        sync: { key: options.sync, setSeries: false, scales: ["x", null], filters: { pub: isMove } },
        drag: { x: true, y: false, setScale: false },
        points: {
          size: 7,
          show: (u, n) => (n > u.series.length - 1 - options.lines.length ? spot() : null),
          fill: (u, n) => u.series[n].stroke(u, n),
        },
        bind: { dblclick: () => () => options.reset() },
      },
      hooks: {
        setCursor: [() => this.tell()],
        setSelect: [(u) => this.select(u)],
        draw: [(u) => this.mark(u)],
      },
    };
  }

  series() {
    const { lines, band } = this.options;
    const bare = () => ({ width: 0, points: { show: false } });
    const pale = { width: 1, stroke: () => faint(lineColour(0), FAINT), points: { show: false } };
    const main = lines.map((line, n) => ({
      label: line.label,
      width: 1.5,
      stroke: () => lineColour(line.colour ?? n),
      dash: lineDash(line.colour ?? n),
      points: {
        size: 4,
        show: (u, _n, i0, i1) => i1 - i0 < FEW_POINTS,
        fill: () => lineColour(line.colour ?? n),
      },
    }));
    return band ? [bare(), bare(), pale, ...main] : main;
  }

  axis(write, incrs) {
    return {
      stroke: () => colours().quiet,
      grid: { stroke: () => colours().line, width: 1 },
      ticks: { stroke: () => colours().line, width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
      gap: 4,
      ...(write && { values: write }),
      ...(incrs && { incrs }),
    };
  }

  placeAxis() {
    const { axis } = this.options;
    return { ...this.axis(TICKS[axis], STRIDES[axis]), size: 26, space: axis === "time" ? 70 : 50 };
  }

  sideAxis() {
    const write = (_, values) => values.map((v) => (v === null ? "" : this.options.write(v)));
    const size = (u, texts) => 16 + 6.5 * Math.max(3, ...(texts ?? []).map((text) => text.length));
    const { side = size, whole } = this.options;
    return { ...this.axis(write, whole && WHOLE), size: side };
  }

  range(low, high) {
    const view = this.options.view();
    if (view) return view;
    if (low === null) return [null, null];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  values(low, high) {
    if (low === null) return [0, 1];
    const { limit, fromZero } = this.options;
    if (!fromZero) return uPlot.rangeNum(low, high, 0.08, false);
    const top = limit && high > limit / 3 ? Math.max(high, limit) : high;
    return [0, top * 1.06 || 1];
  }

  // -- what is told

  tell() {
    const { plot } = this;
    const at = plot?.cursor.idx;
    this.options.told?.(at === null || at === undefined || plot.cursor.left < 0 ? null : this.said(at));
  }

  said(at) {
    const { x, lines, least, most, pale } = this.data;
    const { axis, write } = this.options;
    const shown = pale ? [pale] : lines;
    const isBucket = least && least[at] !== null && least[at] !== most[at];
    const values = shown.map((line) => (line[at] === null ? "not finite" : write(line[at])));
    const more = isBucket ? `, ${write(least[at])} to ${write(most[at])}` : "";
    const smooth = pale && lines[0][at] !== null ? `, smoothed ${write(lines[0][at])}` : "";
    return {
      place: PLACES[axis](x[at]),
      values: isBucket ? values.map((text) => `mean ${text}`) : values,
      spread: more + smooth,
    };
  }

  select(u) {
    const { left, width } = u.select;
    if (width < 3) return;
    const [from, to] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.options.zoom(from, to);
  }

  mark(u) {
    const { limit } = this.options;
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (limit) this.drawLimit(u, limit);
    for (const x of this.data.odd ?? []) this.drawOdd(u, x);
    ctx.restore();
  }

  drawLimit({ ctx, bbox, valToPos }, limit) {
    const y = valToPos(limit, "y", true);
    ctx.strokeStyle = colours().wait;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }

  // A value that is not finite has no height: a mark at the foot says where it was.
  drawOdd({ ctx, bbox, valToPos }, place) {
    const x = valToPos(place, "x", true);
    const foot = bbox.top + bbox.height;
    const size = 4 * devicePixelRatio;
    ctx.fillStyle = colours().bad;
    ctx.beginPath();
    ctx.moveTo(x - size, foot);
    ctx.lineTo(x + size, foot);
    ctx.lineTo(x, foot - 2 * size);
    ctx.fill();
  }

  // -- keyboard

  key(event) {
    const { plot } = this;
    if (!plot || event.ctrlKey || event.altKey || event.metaKey || event.target !== this.host) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.move(steps[event.key] * (event.shiftKey ? 10 : 1));
    else if (event.key === "+" || event.key === "=") this.scale(0.5);
    else if (event.key === "-") this.scale(2);
    else if (event.key === "0" || event.key === "Escape") this.options.reset();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  move(by) {
    const { plot } = this;
    const [first, last] = plot.series[0].idxs;
    const at = plot.cursor.left < 0 ? null : plot.cursor.idx;
    const next = at === null ? (by > 0 ? first : last) : at + by;
    const index = Math.min(last, Math.max(first, next));
    const left = plot.valToPos(plot.data[0][index], "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true);
    const said = this.said(index);
    this.options.spoken?.(`${said.place}: ${said.values.join(", ")}${said.spread}`);
  }

  scale(factor) {
    const { min, max } = this.plot.scales.x;
    const { left } = this.plot.cursor;
    const middle = left < 0 ? (min + max) / 2 : this.plot.posToVal(left, "x");
    this.options.zoom(middle - ((middle - min) * factor), middle + ((max - middle) * factor));
  }

  // The chart as a picture on the page's ground, with its name.
  async picture(title) {
    await null; // what was shown in this turn is drawn at its end
    const drawn = this.plot.ctx.canvas;
    const ratio = devicePixelRatio;
    const canvas = document.createElement("canvas");
    canvas.width = drawn.width + 16 * ratio;
    canvas.height = drawn.height + 36 * ratio;
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = colours().surface;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = colours().ink;
    ctx.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    ctx.fillText(title, 12 * ratio, 20 * ratio);
    ctx.drawImage(drawn, 4 * ratio, 28 * ratio);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}

// What marks the point under the cursor; lines that only bound a band need none.
function spot() {
  const element = document.createElement("div");
  element.classList.add("chart-spot");
  return element;
}

function blank(x) {
  return new Array(x.length).fill(null);
}

// From and to the next whole step of its decade: 1,087 to 1,305 is 1,000 to 2,000.
function decades(_, low, high) {
  if (low === null) return [1, 10];
  const [from, to] = [wholeStep(low, Math.floor), wholeStep(high, Math.ceil)];
  return [from, to > from ? to : from * 2];
}

function wholeStep(value, round) {
  const step = 10 ** Math.floor(Math.log10(value));
  return Number((round(value / step) * step).toPrecision(3));
}

function above(value) {
  return value > 0 ? value : null;
}

// Only the cursor is shared by itself; a zoom goes through the owner.
function isMove(type) {
  return type === "mousemove" || type === "mouseleave";
}
