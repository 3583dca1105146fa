// Lines as an address: #L1200 and #L1200-L1210. A click on a line's number chooses it, with Shift
// up to there; the bar that appears copies the link or the lines.
const HASH = /^#L(\d+)(?:-L?(\d+))?$/;

export class LogSelect {
  constructor(owner, window) {
    this.owner = owner;
    this.window = window;
    this.bar = owner.querySelector("[data-log-picked]");
    window.box.addEventListener("click", (event) => this.clicked(event));
    this.bar?.addEventListener("click", ({ target }) => this.asked(target.closest("button")?.dataset.log));
    this.onHash = () => this.read() && this.go();
    addEventListener("hashchange", this.onHash);
    this.range = null;
  }

  stop() {
    removeEventListener("hashchange", this.onHash);
  }

  // The lines that the address names: whether there are any.
  read() {
    const found = HASH.exec(location.hash);
    this.range = found ? ordered(Number(found[1]), Number(found[2] ?? found[1])) : null;
    this.mark();
    return Boolean(this.range);
  }

  async go() {
    await this.owner.goTo(this.range[0]);
    this.mark();
  }

  choose(first, last) {
    this.range = ordered(first, last);
    const name = this.range[0] === this.range[1] ? `#L${this.range[0]}` : `#L${this.range[0]}-L${this.range[1]}`;
    history.replaceState(history.state, "", this.address(name));
    this.mark();
  }

  clear() {
    this.range = null;
    history.replaceState(history.state, "", this.address(""));
    this.mark();
  }

  // `line` and `from` were for opening the page; from here on the hash says it.
  address(hash) {
    const { searchParams } = new URL(location.href);
    searchParams.delete("line");
    searchParams.delete("from");
    const query = searchParams.toString();
    return `${location.pathname}${query ? `?${query}` : ""}${hash}`;
  }

  clicked(event) {
    const row = event.target.closest(".l");
    if (!row || event.target !== row || event.offsetX >= Number.parseFloat(getComputedStyle(row).paddingLeft)) return;
    const line = Number(row.dataset.n);
    if (event.shiftKey && this.range) {
      getSelection()?.removeAllRanges();
      this.choose(this.range[0], Number(row.dataset.to ?? line));
    } else this.choose(line, line);
  }

  mark() {
    for (const row of this.window.box.querySelectorAll(".sel")) row.classList.remove("sel");
    if (this.bar) this.bar.hidden = !this.range;
    if (!this.range) return;
    const [first, last] = this.range;
    for (const row of this.window.rows()) this.markRow(row, first, last);
    const said = this.bar?.querySelector("[data-log-picked-lines]");
    if (said) said.textContent = first === last ? `Line ${count(first)}` : `Lines ${count(first)}–${count(last)}`;
  }

  drawn(rows) {
    if (this.range) for (const row of rows) this.markRow(row, ...this.range);
  }

  markRow(row, first, last) {
    const n = Number(row.dataset.n);
    row.classList.toggle("sel", n <= last && Number(row.dataset.to ?? n) >= first);
  }

  async asked(what) {
    if (!what || !this.range) return;
    if (what === "clear") this.clear();
    else (await import("./log-copy.js")).copyPicked(this, what);
  }
}

function ordered(a, b) {
  return a <= b ? [a, b] : [b, a];
}

function count(number) {
  return number.toLocaleString("en");
}
