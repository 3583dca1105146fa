// How a person likes to read logs: wrapped or not, with which times, numbers, and how large. Kept
// in this browser. Times stand before the lines as generated content, so that find, select and
// copy see what the run printed and nothing else.
const KEY = "runyard-log";
const TIMES = ["", "clock", "since", "gap"];
const TIMES_SAID = { "": "off", clock: "time of day", since: "since the start", gap: "since the line before" };
const SIZES = ["small", "", "large", "larger"];
const WIDE_FROM = 100_000;

export class LogView {
  constructor(owner, box, changing) {
    this.owner = owner;
    this.box = box;
    this.start = 0;
    this.liked = { wrap: true, numbers: true, times: "", size: "", ...kept() };
    this.changing = changing; // keeps the reader's place while heights change
    this.digits = 6; // of the line numbers, so that times stand below one another
    this.on("wrap", () => (this.liked.wrap = !this.liked.wrap));
    this.on("numbers", () => (this.liked.numbers = !this.liked.numbers));
    this.on("times", () => (this.liked.times = next(TIMES, this.liked.times)));
    this.on("smaller", () => (this.liked.size = SIZES[Math.max(0, SIZES.indexOf(this.liked.size) - 1)]));
    this.on("larger", () => (this.liked.size = SIZES[Math.min(SIZES.length - 1, SIZES.indexOf(this.liked.size) + 1)]));
    this.show();
  }

  on(name, change) {
    this.owner.querySelector(`[data-log-${name}]`)?.addEventListener("click", () => {
      change();
      keep(this.liked);
      this.changing(() => this.show());
    });
  }

  show() {
    const { wrap, numbers, times, size } = this.liked;
    this.box.classList.toggle("nowrap", !wrap);
    this.box.classList.toggle("no-numbers", !numbers);
    this.box.dataset.times = times;
    this.box.dataset.size = size;
    this.say("wrap", wrap);
    this.say("numbers", numbers);
    this.say("times", Boolean(times));
    const button = this.owner.querySelector("[data-log-times]");
    if (button) button.title = `Times: ${TIMES_SAID[times]}`;
    const word = this.owner.querySelector("[data-log-times-word]");
    if (word) word.textContent = times ? `times: ${TIMES_SAID[times]}` : "times";
    this.stamp(this.box.querySelectorAll(".l"));
  }

  say(name, isOn) {
    this.owner.querySelector(`[data-log-${name}]`)?.setAttribute("aria-pressed", String(isOn));
  }

  // Rows came into the page: they get the times that are shown now.
  stamp(rows) {
    const { times } = this.liked;
    for (const row of rows) {
      if (times) row.dataset.at = this.time(row, times) + " ".repeat(Math.max(0, this.digits - row.dataset.n.length));
      else delete row.dataset.at;
    }
  }

  time(row, mode) {
    const at = Number(row.dataset.t);
    if (!at) return "";
    if (mode === "clock") return clock(at);
    if (mode === "since") return this.start ? span(at - this.start) : "";
    const before = Number((row.previousElementSibling ?? row.parentElement?.previousElementSibling?.lastElementChild)?.dataset.t);
    return before ? `+${span(at - before)}` : "";
  }

  // When the log began; known a moment after the page.
  startAt(seconds) {
    if (!seconds || this.start) return;
    this.start = seconds;
    this.stamp(this.box.querySelectorAll(".l"));
  }

  widen(total) {
    const isWide = total >= WIDE_FROM;
    this.box.classList.toggle("wide", isWide);
    if (this.digits === (isWide ? 9 : 6)) return;
    this.digits = isWide ? 9 : 6;
    this.stamp(this.box.querySelectorAll(".l"));
  }
}

function clock(seconds) {
  const at = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(Math.floor(at.getMilliseconds() / 10))}`;
}

function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 60) return `${s.toFixed(2)}s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}m ${String(Math.floor(s % 60)).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

function next(list, value) {
  return list[(list.indexOf(value) + 1) % list.length];
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function keep(liked) {
  try {
    localStorage.setItem(KEY, JSON.stringify(liked));
  } catch {
    // a browser that keeps nothing still shows what was chosen
  }
}
