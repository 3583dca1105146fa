// <run-log data-name="run/42" data-stream="run.log" data-offset="…" …>: the end of a log that
// came with the page, made to grow. Bytes come over the page's socket from `data-offset` on;
// without a socket they are asked for every two seconds. At most KEPT lines stay in the page, and
// the bar above always says which.
import { Pen, paint, skim } from "./ansi.js";

const KEPT = 10000;
const POLL_MS = 2000;
const POLL_BYTES = 4 * 1024 * 1024;
const LONG_LINE = 64 * 1024;
const NEAR_END_PX = 24;

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
    this.rest = "";
    this.unfinished = this.lines.querySelector("[data-unfinished]");
    this.following = true;
    this.top = this.newLines = 0;
    this.watchScroll();
    this.lines.addEventListener("click", (event) => this.clicked(event));
    if (!location.hash) this.toEnd();
    if (!("sealed" in this.dataset)) this.start();
  }

  disconnectedCallback() {
    document.querySelector("live-socket")?.unfollow(this);
    cancelAnimationFrame(this.frame);
  }

  start() {
    const attach = () => document.querySelector("live-socket")?.follow(this);
    customElements.whenDefined("live-socket").then(attach);
  }

  // --- bytes ---------------------------------------------------------------------------

  take(offset, bytes) {
    if (this.ended) return;
    if (offset > this.offset) this.note(`${(offset - this.offset).toLocaleString()} bytes are not shown here: the raw log has them.`);
    const fresh = bytes.subarray(Math.max(0, this.offset - offset));
    if (!fresh.length) return;
    this.offset = Math.max(offset, this.offset) + fresh.length;
    this.rest += this.decoder.decode(fresh, { stream: true });
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

  schedule() {
    if (this.frame) return;
    const soon = document.hidden ? (work) => setTimeout(work, 250) : requestAnimationFrame;
    this.frame = soon(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const cut = this.rest.lastIndexOf("\n") + 1;
    const whole = cut ? this.rest.slice(0, cut - 1).split("\n") : [];
    this.rest = this.rest.slice(cut);
    const added = document.createDocumentFragment();
    if (whole.length) {
      this.unfinished?.remove();
      this.unfinished = null;
    }
    whole.splice(0, Math.max(0, whole.length - this.kept)).forEach((line) => this.skip(line));
    whole.forEach((line) => added.append(this.line(line)));
    this.lines.append(added);
    this.drawUnfinished();
    this.trim();
    this.say();
    if (this.following) this.toEnd();
    else this.offerEnd(whole.length);
  }

  line(text) {
    const element = this.blank(this.next++);
    paint(element, shortened(text), this.pen);
    element.append("\n");
    return element;
  }

  skip(text) {
    this.next++;
    skim(text, this.pen);
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
      this.lines.append(this.unfinished);
    }
    const pen = Object.assign(new Pen(), this.pen, { styles: new Set(this.pen.styles) });
    paint(this.unfinished, shortened(this.rest), pen);
  }

  trim() {
    const surplus = this.lines.childElementCount - this.kept;
    if (surplus <= 0) return;
    const before = this.lines.scrollHeight;
    for (let n = 0; n < surplus; n++) this.lines.firstElementChild.remove();
    if (!this.following) this.lines.scrollTop -= before - this.lines.scrollHeight;
  }

  say() {
    const span = this.querySelector("[data-log-span]");
    const first = this.lines.firstElementChild;
    if (!span || !first) return;
    const last = Number(this.lines.lastElementChild.dataset.n).toLocaleString();
    span.textContent = `lines ${Number(first.dataset.n).toLocaleString()}–${last} of ${last}`;
    const earlier = this.querySelector("[data-log-earlier]");
    if (earlier) earlier.hidden = first.dataset.n === "1";
  }

  note(sentence) {
    const element = document.createElement("div");
    element.className = "log-note";
    element.textContent = sentence;
    this.lines.append(element);
  }

  // --- following -----------------------------------------------------------------------

  watchScroll() {
    this.button = this.querySelector("[data-log-end]");
    this.button?.addEventListener("click", () => {
      this.following = true;
      this.toEnd();
    });
    // Content that grows never moves the reader; only moving up stops the following.
    this.lines.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.lines;
      if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) {
        this.following = true;
        this.reached();
      } else if (scrollTop < this.top - 1) {
        this.following = false;
      }
      this.top = scrollTop;
    });
  }

  toEnd() {
    this.lines.scrollTop = this.lines.scrollHeight;
    this.top = this.lines.scrollTop;
    this.reached();
  }

  reached() {
    this.newLines = 0;
    if (this.button) this.button.hidden = true;
  }

  offerEnd(added) {
    this.newLines += added;
    if (!this.button || !this.newLines) return;
    this.button.hidden = false;
    this.button.textContent = `${this.newLines.toLocaleString()} new ${this.newLines === 1 ? "line" : "lines"} ↓`;
  }

  // A click on a line's number makes it the page's address.
  clicked({ target, offsetX }) {
    const line = target.closest(".l");
    if (line && target === line && offsetX < 64) location.hash = line.id;
  }
}

// A line of more than 64 Ki characters is cut in the page, and says so; the raw log has it whole.
function shortened(line) {
  if (line.length <= LONG_LINE) return line;
  const shown = line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
  if (shown.length <= LONG_LINE) return shown;
  const more = (shown.length - LONG_LINE).toLocaleString();
  return `${shown.slice(0, LONG_LINE)} … ${more} more characters in the raw log`;
}

customElements.define("run-log", RunLog);
