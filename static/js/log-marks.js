// What stands out in a log: errors to walk with e, and groups of lines that fold. The groups of a
// failed run that went well come folded; one that holds an error never does by itself.
import { addTo } from "./log-window.js";

export class LogMarks {
  constructor(owner, window) {
    this.owner = owner;
    this.window = window;
    this.groups = [];
    this.errors = [];
    this.errorCount = 0;
    this.folded = new Map(); // head -> last
    this.at = -1;
    this.button = owner.querySelector("[data-log-errors]");
    this.menu = owner.querySelector("[data-log-groups]");
    this.button?.addEventListener("click", () => this.nextError());
    this.menu?.addEventListener("click", (event) => this.chosen(event));
    window.box.addEventListener("click", ({ target }) => {
      const head = target.closest("button.fold");
      if (head) this.toggle(Number(head.closest(".l").dataset.n));
    });
  }

  take({ groups, errors, error_lines: lines, is_whole: isWhole }) {
    const isFirst = !this.wasLooked;
    this.wasLooked = true;
    this.groups = groups.map(([head, last, title, bad, seconds]) => ({ head, last, title, bad, seconds }));
    this.errors = lines;
    this.errorCount = errors;
    if (isFirst && this.owner.isFailed) this.foldPassed();
    this.heads = new Map(this.groups.map((group) => [group.head, group]));
    this.redraw();
    this.say(isWhole);
  }

  // What broke is open; so is the last group, in which the run ended.
  foldPassed() {
    const wanted = this.owner.wantedLine;
    for (const { head, last, bad } of this.groups.slice(0, -1)) {
      if (!bad && last > head && !(head <= wanted && wanted <= last)) this.folded.set(head, last);
    }
  }

  say(isWhole) {
    if (this.button) {
      const { errorCount } = this;
      this.button.hidden = !errorCount;
      this.button.querySelector("[data-log-error-count]").textContent =
        `${errorCount.toLocaleString("en")}${isWhole ? "" : "+"} ${errorCount === 1 ? "error" : "errors"}`;
    }
    if (!this.menu) return;
    this.menu.hidden = !this.groups.length;
    const list = this.menu.querySelector("[data-log-group-list]");
    list.replaceChildren(...this.groups.map(entry));
    this.menu.querySelector("summary").textContent = `${this.groups.length} ${this.groups.length === 1 ? "group" : "groups"}`;
  }

  async nextError() {
    if (!this.errors.length) return;
    this.at = (this.at + 1) % this.errors.length;
    await this.owner.goTo(this.errors[this.at]);
  }

  async chosen({ target }) {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.all) {
      const isFold = button.dataset.all === "fold";
      for (const { head, last } of this.groups) isFold && last > head ? this.folded.set(head, last) : this.folded.delete(head);
      this.redraw();
      return;
    }
    this.menu.open = false;
    this.folded.delete(Number(button.dataset.head));
    this.redraw();
    await this.owner.goTo(Number(button.dataset.head), "start");
  }

  toggle(head) {
    const group = this.heads.get(head);
    if (this.folded.has(head)) this.folded.delete(head);
    else this.folded.set(head, group.last || this.window.total);
    this.redraw(this.window.row(head));
    this.window.settle();
  }

  // A line inside a folded group is wanted: the group opens.
  reveal(line) {
    for (const [head, last] of this.folded) {
      if (head < line && line <= last) {
        this.folded.delete(head);
        this.redraw();
      }
    }
  }

  // The row at the top stays there, or the head of the group that it is folded into.
  redraw(anchor = this.window.topRow) {
    const change = () => {
      this.drawn(this.window.rows());
      this.window.space();
    };
    const head = anchor && this.headOver(Number(anchor.dataset.n));
    const kept = (head && this.window.row(head)) || anchor;
    if (kept) this.window.keepPlace(kept, change);
    else change();
  }

  headOver(line) {
    for (const [head, last] of this.folded) if (head < line && line <= last) return head;
    return 0;
  }

  drawn(rows) {
    for (const row of rows) {
      const n = Number(row.dataset.n);
      row.classList.toggle("in", Boolean(this.headOver(n)));
      const group = this.heads?.get(n);
      if (group) this.drawHead(row, group);
    }
  }

  drawHead(row, group) {
    row.classList.toggle("gh-bad", Boolean(group.bad));
    let button = row.querySelector("button.fold");
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.className = "fold";
      row.prepend(button);
    }
    let words = row.querySelector(".said");
    if (!words) {
      words = document.createElement("span");
      words.className = "said";
      addTo(row, words);
    }
    words.dataset.said = said(group);
    const isOpen = !this.folded.has(group.head);
    button.ariaExpanded = String(isOpen);
    button.ariaLabel = `${group.title}: ${isOpen ? "fold" : "unfold"}`;
  }

  // How many of these lines are folded away.
  hidden(from, to) {
    let found = 0;
    for (const [head, last] of this.folded) found += Math.max(0, Math.min(to, last) - Math.max(from, head + 1) + 1);
    return found;
  }
}

function said({ head, last, bad, seconds }) {
  const words = [];
  if (last > head) words.push(`${(last - head).toLocaleString("en")} ${last - head === 1 ? "line" : "lines"}`);
  if (seconds !== null) words.push(`${seconds} s`);
  if (bad) words.push(`${bad} ${bad === 1 ? "error" : "errors"}`);
  return words.join(" · ");
}

function entry(group) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.head = group.head;
  button.textContent = group.title;
  if (group.bad) button.className = "bad";
  const more = document.createElement("span");
  more.className = "quiet";
  more.textContent = said(group);
  button.append(more);
  return button;
}
