// Looking for text in all of a log: the server says how many lines match and which; n and N walk
// them. The browser's own find is left alone.
const TYPING_MS = 250;
const GREW_MS = 5000;

export class LogSearch {
  constructor(owner, window, isKeyForUs) {
    this.owner = owner;
    this.window = window;
    this.form = owner.querySelector("[data-log-search]");
    this.count = 0;
    this.lines = [];
    this.skipped = 0;
    this.at = -1; // which of all hits is the present one
    if (!this.form) return;
    this.box = this.form.elements.q;
    this.form.addEventListener("submit", () => {
      this.isFresh() ? this.walk(1) : this.ask();
    });
    this.form.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask(), TYPING_MS);
    });
    this.form.addEventListener("keydown", (event) => this.boxKey(event));
    for (const button of this.form.querySelectorAll("[data-log-hit]")) {
      button.addEventListener("click", () => this.walk(Number(button.dataset.logHit)));
    }
    this.onKey = (event) => {
      if (isKeyForUs(event) && this.count && "nN".includes(event.key)) this.walk(event.key === "n" ? 1 : -1);
    };
    addEventListener("keydown", this.onKey);
    if (this.box.value) this.ask(); // typed while this module was on its way
  }

  stop() {
    removeEventListener("keydown", this.onKey);
    clearTimeout(this.typing);
  }

  boxKey(event) {
    if (event.key === "Escape") {
      this.box.value = "";
      this.ask();
      this.box.blur();
    } else if (event.key === "F3") {
      event.preventDefault();
      this.walk(event.shiftKey ? -1 : 1);
    } else if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      this.walk(-1);
    }
  }

  get query() {
    const query = new URLSearchParams({ q: this.box.value });
    if (this.form.elements.regex.checked) query.set("regex", "1");
    if (this.form.elements.case.checked) query.set("case", "1");
    return query.toString();
  }

  isFresh() {
    return this.asked === this.query && !this.refused;
  }

  async ask() {
    const { query } = this;
    this.asked = query;
    if (!this.box.value) return this.take(query, { count: 0, skipped: 0, lines: [] });
    this.tell("…");
    await this.fetch(query, "");
    if (this.asked === query && this.count) this.walkFrom(Number(this.window.topRow?.dataset.n ?? 1));
  }

  async fetch(query, from) {
    try {
      const answer = await fetch(this.owner.part(`search/?${query}${from && `&from=${from}`}`));
      const told = await answer.json();
      this.take(query, answer.ok ? told : { count: 0, skipped: 0, lines: [], sentence: told.sentence });
    } catch {
      if (this.asked === query) this.tell("no answer: try again");
    }
    this.askedAt = performance.now();
  }

  take(query, { count, skipped, lines, sentence }) {
    if (this.asked !== query) return;
    Object.assign(this, { count, skipped, lines, refused: sentence ?? "" });
    if (this.at >= count) this.at = -1;
    this.mark();
    this.say();
  }

  // The log grew: there may be more hits, but nobody is moved.
  grew() {
    if (this.box?.value && !this.refused && performance.now() - (this.askedAt ?? 0) > GREW_MS && !document.hidden) {
      this.askedAt = performance.now();
      this.fetch(this.asked, this.lines[0] ?? "");
    }
  }

  async walkFrom(line) {
    if (this.lines.at(-1) < line && this.skipped + this.lines.length < this.count) await this.fetch(this.asked, line);
    const near = this.lines.findIndex((hit) => hit >= line);
    await this.go(this.skipped + (near < 0 ? 0 : near));
  }

  async walk(step) {
    if (!this.count) return this.box.value && !this.isFresh() ? this.ask() : undefined;
    await this.go((this.at + step + this.count) % this.count);
  }

  async go(at) {
    if (at < this.skipped) await this.fetch(this.asked, "");
    while (at >= this.skipped + this.lines.length && this.lines.length) await this.fetch(this.asked, this.lines.at(-1) + 1);
    this.at = at;
    const line = this.lines[at - this.skipped];
    if (line) await this.owner.goTo(line);
    this.mark();
    this.say();
  }

  // --- what one sees --------------------------------------------------------------------------

  mark() {
    this.hits = new Set(this.lines);
    for (const row of this.window.rows()) this.markRow(row);
  }

  drawn(rows) {
    if (this.count) for (const row of rows) this.markRow(row);
  }

  markRow(row) {
    const last = Number(row.dataset.to ?? row.dataset.n);
    let isHit = false;
    let isNow = false;
    const now = this.lines[this.at - this.skipped];
    for (let n = Number(row.dataset.n); n <= last && !isNow; n++) {
      isHit ||= this.hits.has(n);
      isNow = n === now;
    }
    row.classList.toggle("hit", isHit);
    row.classList.toggle("at", isNow);
  }

  say() {
    const { count, at, refused } = this;
    if (refused) this.tell(refused, true);
    else if (!this.box.value) this.tell("");
    else if (!count) this.tell("no line matches");
    else this.tell(at < 0 ? `${number(count)} ${count === 1 ? "line" : "lines"}` : `${number(at + 1)} of ${number(count)}`);
  }

  tell(text, isBad = false) {
    const said = this.form.querySelector("[data-log-hits]");
    said.textContent = text;
    said.classList.toggle("bad", isBad);
    for (const button of this.form.querySelectorAll("[data-log-hit]")) button.hidden = !this.count;
  }
}

function number(value) {
  return value.toLocaleString("en");
}
