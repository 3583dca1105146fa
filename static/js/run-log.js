// <run-log data-name="run/42" data-stream="run.log" data-offset="…" …>: the end of a log that
// came with the page, made to grow. Bytes come over the page's socket from `data-offset` on;
// without a socket they are asked for every two seconds. At most KEPT lines stay in the page, and
// the bar above always says which. While somebody reads further up, new lines wait as text.
import { Pen, paint, skim } from "./ansi.js";

const KEPT = 10000;
const FLOOD = 2000; // of more lines at once only so many are drawn
const CLUSTER = 200;
const POLL_MS = 2000;
const POLL_BYTES = 4 * 1024 * 1024;
const LONG_LINE = 64 * 1024;
const NEAR_END_PX = 24;
const REST_AFTER_DRAWING = 3;
const MOST_REST_MS = 400;

class RunLog extends HTMLElement {
  connectedCallback() {
    this.lines = this.querySelector(".log");
    if (!this.lines || "static" in this.dataset) return;
    this.name = this.dataset.name;
    this.stream = this.dataset.stream;
    this.offset = Number(this.dataset.offset);
    this.next = Number(this.dataset.next);
    this.pen = new Pen(this.dataset.pen);
    this.kept = Number(this.dataset.kept || KEPT);
    this.decoder = new TextDecoder();
    this.rest = ""; // text that is not drawn yet, and how many lines end in it
    this.waiting = 0;
    this.unfinished = this.lines.querySelector("[data-unfinished]");
    this.following = !location.hash;
    this.top = 0;
    this.watchScroll();
    this.lines.addEventListener("click", (event) => this.clicked(event));
    if (this.following) this.toEnd();
    if (!("sealed" in this.dataset)) this.start();
  }

  disconnectedCallback() {
    document.querySelector("live-socket")?.unfollow(this);
    clearTimeout(this.timer);
  }

  start() {
    const attach = () => document.querySelector("live-socket")?.follow(this);
    customElements.whenDefined("live-socket").then(attach);
  }

  // --- bytes ---------------------------------------------------------------------------

  take(offset, bytes) {
    if (this.ended) return;
    if (offset > this.offset) this.note(`${count(offset - this.offset)} bytes are not shown here: the raw log has them.`);
    const fresh = bytes.subarray(Math.max(0, this.offset - offset));
    if (!fresh.length) return;
    this.offset = Math.max(offset, this.offset) + fresh.length;
    const text = this.decoder.decode(fresh, { stream: true });
    this.rest += text;
    this.waiting += newlines(text);
    this.schedule();
  }

  end() {
    this.ended = true;
    this.schedule();
    this.querySelector("[data-log-state]")?.replaceChildren("complete");
  }

  async poll() {
    if (this.ended || this.asking || performance.now() - (this.asked ?? 0) < POLL_MS) return;
    this.asking = true;
    this.asked = performance.now();
    try {
      const at = this.offset;
      const separator = this.dataset.raw.includes("?") ? "&" : "?";
      const answer = await fetch(`${this.dataset.raw}${separator}offset=${at}&limit=${POLL_BYTES}`);
      if (answer.ok) {
        this.take(at, new Uint8Array(await answer.arrayBuffer()));
        const sealed = answer.headers.get("Runyard-Log-Sealed") === "1";
        if (sealed && this.offset >= Number(answer.headers.get("Runyard-Log-Size"))) this.end();
      }
    } catch {
      // asked again at the next tick
    }
    this.asking = false;
  }

  // --- lines ---------------------------------------------------------------------------

  // Drawing may take a quarter of the time: the page stays usable under a flood of lines.
  schedule() {
    if (this.timer) return;
    const pause = Math.max(0, (this.rested ?? 0) - performance.now());
    this.timer = setTimeout(() => {
      const start = performance.now();
      this.timer = 0;
      this.draw();
      const took = performance.now() - start;
      this.rested = performance.now() + Math.min(MOST_REST_MS, REST_AFTER_DRAWING * took);
    }, pause);
  }

  draw() {
    if (this.following) this.drawRest();
    this.say();
    this.offerEnd();
  }

  drawRest() {
    const end = this.rest.lastIndexOf("\n") + 1;
    const start = this.waiting > FLOOD ? this.skipTo(this.rest.slice(0, end)) : 0;
    const whole = end ? this.rest.slice(start, end - 1).split("\n") : [];
    this.rest = this.rest.slice(end);
    this.waiting = 0;
    if (end) {
      this.unfinished?.remove();
      this.unfinished = null;
    }
    whole.forEach((line) => this.place(this.line(line)));
    this.drawUnfinished();
    this.trim();
    this.toEnd();
  }

  // Where the last lines begin; those before them are counted, and those in the page give way:
  // lines in the page always follow one another.
  skipTo(text) {
    let start = text.length - 1;
    for (let n = 0; n < Math.min(FLOOD, this.kept); n++) start = text.lastIndexOf("\n", start - 1);
    const gone = text.slice(0, start + 1);
    this.next += newlines(gone);
    skim(gone, this.pen);
    this.lines.replaceChildren();
    this.unfinished = null;
    return start + 1;
  }

  line(text) {
    const element = this.blank(this.next++);
    paint(element, shortened(text), this.pen);
    element.append("\n");
    return element;
  }

  // Lines stand in clusters: the browser leaves those out of the layout that are out of sight.
  place(element) {
    let cluster = this.lines.lastElementChild;
    if (!cluster || cluster.childElementCount >= CLUSTER) {
      cluster?.classList.add("full");
      cluster = document.createElement("div");
      cluster.className = "c";
      this.lines.append(cluster);
    }
    cluster.append(element);
  }

  blank(number) {
    const element = document.createElement("span");
    element.className = "l";
    element.id = `L${number}`;
    element.dataset.n = number;
    return element;
  }

  // The last line may still grow, or be a progress bar that overwrites itself.
  drawUnfinished() {
    const bar = this.rest.lastIndexOf("\r", this.rest.length - 2);
    if (bar > LONG_LINE) {
      skim(this.rest.slice(0, bar), this.pen);
      this.rest = this.rest.slice(bar);
    }
    if (!this.rest) return;
    if (!this.unfinished) {
      this.unfinished = this.blank(this.next);
      this.place(this.unfinished);
    }
    const pen = Object.assign(new Pen(), this.pen, { styles: new Set(this.pen.styles) });
    paint(this.unfinished, shortened(this.rest), pen);
  }

  trim() {
    let surplus = this.lastNumber - this.firstNumber + 1 - this.kept;
    while (surplus > 0) {
      const cluster = this.lines.firstElementChild;
      if (cluster === this.lines.lastElementChild) {
        while (surplus-- > 0) cluster.firstElementChild.remove();
        break;
      }
      surplus -= cluster.childElementCount;
      cluster.remove();
    }
  }

  get firstNumber() {
    return Number(this.lines.querySelector(".l")?.dataset.n ?? 1);
  }

  get lastNumber() {
    return this.unfinished ? this.next : this.next - 1;
  }

  say() {
    const span = this.querySelector("[data-log-span]");
    if (!span || !this.lastNumber) return;
    const first = this.firstNumber;
    span.textContent = `lines ${count(first)}–${count(this.lastNumber)} of ${count(this.lastNumber + this.waiting)}`;
    const earlier = this.querySelector("[data-log-earlier]");
    if (!earlier) return;
    earlier.hidden = first === 1;
    earlier.href = earlier.href.replace(/from=\d+/, `from=${Math.max(1, first - KEPT)}`);
  }

  note(sentence) {
    const element = document.createElement("div");
    element.className = "log-note";
    element.textContent = sentence;
    this.lines.after(element);
  }

  // --- following -----------------------------------------------------------------------

  watchScroll() {
    this.button = this.querySelector("[data-log-end]");
    this.button?.addEventListener("click", () => this.goOn());
    // Content that grows never moves the reader; only moving up stops the following.
    this.lines.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.lines;
      const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      if (!isAtEnd && scrollTop < this.top - 1) this.following = false;
      this.top = scrollTop;
      if (isAtEnd && !this.following) this.goOn();
    });
  }

  goOn() {
    this.following = true;
    this.schedule();
  }

  toEnd() {
    const jump = () => {
      this.lines.scrollTop = this.lines.scrollHeight;
      this.top = this.lines.scrollTop;
    };
    jump();
    requestAnimationFrame(() => this.following && jump()); // what came into sight has its true height now
  }

  offerEnd() {
    if (!this.button) return;
    this.button.hidden = this.following || !this.waiting;
    this.button.textContent = `${count(this.waiting)} new ${this.waiting === 1 ? "line" : "lines"} ↓`;
  }

  // A click on a line's number makes it the page's address.
  clicked({ target, offsetX }) {
    const line = target.closest(".l");
    if (line && target === line && offsetX < 64) location.hash = line.id;
  }
}

function count(number) {
  return number.toLocaleString("en");
}

function newlines(text) {
  let found = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) found++;
  return found;
}

// A line of more than 64 Ki characters is cut in the page, and says so; the raw log has it whole.
function shortened(line) {
  if (line.length <= LONG_LINE) return line;
  const shown = line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
  if (shown.length <= LONG_LINE) return shown;
  return `${shown.slice(0, LONG_LINE)} … the rest of this line is in the raw log`;
}

customElements.define("run-log", RunLog);
