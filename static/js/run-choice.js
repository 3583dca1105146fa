// <run-choice data-total="…">: rows of a table that are chosen by box, keyboard or range, and the
// bar of buttons that does something to them. Without scripts the boxes and buttons stand there
// anyway; this only hides the bar while nothing is chosen, and counts.
import { isForPage } from "./page-keys.js";

const BUTTONS = { c: "cancel", e: "archive" };

class RunChoice extends HTMLElement {
  connectedCallback() {
    this.bar = this.querySelector("[data-bulk]");
    this.whole = this.querySelector("[data-choose-page]");
    this.all = this.querySelector("[data-all]");
    if (this.whole) this.whole.hidden = false;
    this.addEventListener("change", (event) => this.changed(event.target));
    this.addEventListener("click", (event) => this.clicked(event));
    this.onRows = () => this.show();
    this.onKey = (event) => this.key(event);
    document.addEventListener("runyard:rows", this.onRows);
    document.addEventListener("keydown", this.onKey);
    // a browser that comes back to the page ticks the boxes only after it was built
    this.onPage = () => this.show();
    addEventListener("pageshow", this.onPage);
    this.show();
  }

  disconnectedCallback() {
    document.removeEventListener("runyard:rows", this.onRows);
    document.removeEventListener("keydown", this.onKey);
    removeEventListener("pageshow", this.onPage);
  }

  get boxes() {
    return [...this.querySelectorAll("[name=run]")];
  }

  // The rows that the keyboard goes through.
  get links() {
    return [...this.querySelectorAll("[data-row]")];
  }

  get current() {
    return document.activeElement?.closest("run-choice tr[id]");
  }

  changed(target) {
    if (target === this.whole) this.boxes.forEach((box) => { box.checked = target.checked; });
    this.show();
  }

  clicked(event) {
    const box = event.target.closest("[name=run]");
    if (!box) return;
    if (event.shiftKey && this.last) this.range(this.last, box.closest("tr"), box.checked);
    this.last = box.closest("tr");
  }

  // All rows from one to another get the same state.
  range(from, to, state) {
    const rows = this.boxes.map((box) => box.closest("tr"));
    const places = [from, to].map((row) => rows.findIndex(({ id }) => id === row.id));
    if (places.includes(-1)) return;
    const [first, last] = places.sort((a, b) => a - b);
    this.boxes.slice(first, last + 1).forEach((box) => { box.checked = state; });
    this.show();
  }

  show() {
    if (!this.bar) return;
    const boxes = this.boxes;
    const count = boxes.filter((box) => box.checked).length;
    const isWhole = count > 0 && count === boxes.length;
    const compare = this.bar.querySelector("[value=compare]");
    if (compare) compare.disabled = count !== 2;
    boxes.forEach((box) => box.closest("tr").classList.toggle("chosen", box.checked));
    this.whole.checked = isWhole;
    this.whole.indeterminate = count > 0 && !isWhole;
    if (this.all) {
      // a second step of its own, offered once the whole page is chosen
      this.all.hidden = !isWhole;
      const box = this.all.querySelector("input");
      if (box && !isWhole) box.checked = false;
      if (box?.checked) return this.tell(Number(this.dataset.total));
    }
    return this.tell(count);
  }

  tell(count) {
    this.bar.hidden = count === 0;
    this.bar.querySelector("[data-count]").textContent = `${count.toLocaleString("en")} chosen`;
  }

  key(event) {
    if (!isForPage(event)) return;
    const act = {
      j: () => this.move(1),
      k: () => this.move(-1),
      x: () => this.toggle(false),
      X: () => this.toggle(true),
      t: () => this.focusTag(),
      c: () => this.press(BUTTONS.c),
      e: () => this.press(BUTTONS.e),
    }[event.key];
    if (act?.()) event.preventDefault();
  }

  move(step) {
    const links = this.links;
    if (!links.length) return false;
    const at = links.findIndex((link) => link.closest("tr") === this.current);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    const link = links[Math.min(links.length - 1, Math.max(0, next))];
    link.focus({ preventScroll: true });
    link.closest("tr").scrollIntoView({ block: "nearest" });
    return true;
  }

  toggle(isRange) {
    const row = this.current;
    const box = row?.querySelector("[name=run]");
    if (!box) return false;
    if (isRange && this.last) this.range(this.last, row, true);
    else box.checked = !box.checked;
    this.last = row;
    this.show();
    return true;
  }

  // Nothing is done to a row that only has the focus: one key is pressed too easily.
  press(word) {
    if (!this.bar || this.bar.hidden) return false;
    const button = this.bar.querySelector(`[value=${word}]`);
    button?.click();
    return Boolean(button);
  }

  focusTag() {
    if (!this.bar || this.bar.hidden) return false;
    this.bar.querySelector("[name=tag]")?.focus();
    return true;
  }
}

customElements.define("run-choice", RunChoice);
