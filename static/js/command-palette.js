// Ctrl K: go to anything, or do what the page offers, by typing a part of its name. The studio
// finds runs, experiments, targets, environments and sources; actions are the page's own elements
// with `data-key-label`. Fetched when it is first opened.
const RECENT = "runyard-recent";
const KEPT = 6;
const ACTIONS = 6;
const PATIENCE_MS = 90;

let palette;

export function open(words = "") {
  if (document.querySelector("dialog[open]")) return;
  palette ??= new Palette();
  palette.open(words);
}

class Palette {
  constructor() {
    this.dialog = document.createElement("dialog");
    this.dialog.className = "palette";
    this.dialog.ariaLabel = "Find anything";
    this.dialog.innerHTML = `
      <input class="form-control" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list"
             aria-autocomplete="list" aria-label="Find runs, targets, actions" autocomplete="off" spellcheck="false"
             placeholder="A run's number or name, an experiment, a target, an action">
      <ul id="palette-list" role="listbox" aria-label="Found"></ul>
      <p class="palette-foot"><span role="status"></span><span><kbd>↑</kbd> <kbd>↓</kbd> choose <kbd>Enter</kbd> go <kbd>Esc</kbd> close</span></p>`;
    this.field = this.dialog.querySelector("input");
    this.list = this.dialog.querySelector("ul");
    this.note = this.dialog.querySelector("[role=status]");
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("click", (event) => this.click(event));
    this.dialog.addEventListener("close", () => this.closed());
    document.body.append(this.dialog);
  }

  open(words) {
    this.before = document.activeElement;
    this.actions = actions();
    this.field.value = words;
    this.found = recent();
    this.dialog.showModal();
    this.show();
    this.ask();
  }

  closed() {
    if (this.dialog.open) return; // this is told late: it was opened again
    this.asking?.abort();
    clearTimeout(this.waiting);
    this.before?.focus?.();
  }

  typed() {
    this.show();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.ask(), PATIENCE_MS);
  }

  async ask() {
    this.asking?.abort();
    this.asking = new AbortController();
    const text = this.field.value.trim();
    try {
      const answer = await fetch(`/find/?q=${encodeURIComponent(text)}`, {
        headers: { Accept: "application/json" },
        signal: this.asking.signal,
      });
      if (!answer.ok) throw new Error(answer.statusText);
      const { found } = await answer.json();
      this.found = text ? found : merged(recent(), found);
      this.note.textContent = "";
      this.show();
    } catch (error) {
      if (error.name !== "AbortError") this.note.textContent = "The studio does not answer.";
    }
  }

  // What the studio found for the last words stays until it has answered for these.
  show() {
    const words = this.field.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = (label) => words.every((word) => label.toLowerCase().includes(word));
    const doable = this.actions.filter(({ label }) => fitting(label)).slice(0, ACTIONS);
    const things = this.found.filter(({ label, detail, exact }) => exact || fitting(`${label} ${detail}`));
    this.rows = words.length && !things.some(({ exact }) => exact) && doable.length
      ? [...things.slice(0, 4), ...doable, ...things.slice(4)]
      : [...things, ...doable];
    this.list.replaceChildren(...this.rows.map(drawn));
    if (!this.rows.length && words.length) this.note.textContent = `Nothing is called "${this.field.value.trim()}".`;
    else if (this.note.textContent.startsWith("Nothing")) this.note.textContent = "";
    this.mark(0);
  }

  mark(at) {
    const options = [...this.list.children];
    if (!options.length) return this.field.removeAttribute("aria-activedescendant");
    this.at = (at + options.length) % options.length;
    options.forEach((option, n) => option.setAttribute("aria-selected", n === this.at));
    this.field.setAttribute("aria-activedescendant", options[this.at].id);
    options[this.at].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 }[event.key];
    if (step) {
      event.preventDefault();
      this.mark(this.at + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.choose(this.at, event.ctrlKey || event.metaKey);
    }
  }

  click(event) {
    if (event.target === this.dialog) return this.dialog.close();
    const option = event.target.closest("[role=option]");
    if (option) this.choose([...this.list.children].indexOf(option), event.ctrlKey || event.metaKey);
  }

  choose(at, elsewhere) {
    const row = this.rows[at];
    if (!row) return;
    this.dialog.close();
    if (row.act) return row.act();
    remember(row);
    if (elsewhere) window.open(row.url);
    else location.assign(row.url);
  }
}

function drawn({ kind, label, detail, status }, n) {
  const option = document.createElement("li");
  option.role = "option";
  option.id = `palette-${n}`;
  for (const [name, text] of [["kind", kind], ["label", label], ["detail", detail], ["status", status]]) {
    if (!text) continue;
    const span = document.createElement("span");
    span.className = name === "status" ? `palette-status status status-${text}` : `palette-${name}`;
    span.textContent = text;
    option.append(span);
  }
  return option;
}

function actions() {
  const offered = [...document.querySelectorAll("[data-key-label]:not(template):not(.find-link)")]
    .filter((each) => !each.disabled && !each.closest("[hidden], [inert]"))
    .map((each) => ({
      kind: each.closest("main") ? "this page" : "action",
      label: each.dataset.keyLabel,
      detail: each.dataset.key ?? "",
      act: () => (each.matches("input:not([type=submit]), select, textarea") ? each.focus() : each.click()),
    }));
  offered.sort((a, b) => (b.kind === "this page") - (a.kind === "this page"));
  const toggle = document.querySelector("theme-toggle");
  const themes = ["system", "light", "dark"].map((theme) => ({
    kind: "action",
    label: `Theme: ${theme}`,
    detail: "",
    act: () => toggle?.choose(theme),
  }));
  return [...offered, ...themes];
}

// The choices belong to one person on this browser and one workspace.
function owner() {
  return document.querySelector("[data-owner]")?.dataset.owner ?? "";
}

function recent() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT));
    return kept.owner === owner() ? kept.rows : [];
  } catch {
    return [];
  }
}

function remember({ kind, label, detail, url }) {
  const rows = merged([{ kind, label, detail, url }], recent()).slice(0, KEPT);
  localStorage.setItem(RECENT, JSON.stringify({ owner: owner(), rows }));
}

function merged(first, second) {
  const urls = new Set(first.map(({ url }) => url));
  return [...first, ...second.filter(({ url }) => !urls.has(url))];
}
