// <pick-script data-url data-for data-command>: the scripts among the files; a click names one.
const SCRIPT = /\.(pyw?|sh|bash|ipynb)$/;
const LIKELY = ["train.py", "main.py", "run.py", "train.ipynb", "train.sh", "run.sh"];
const LISTED = 300;

class PickScript extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.field = document.getElementById(this.dataset.for);
    this.command = document.getElementById(this.dataset.command);
    this.filter = this.querySelector("input");
    this.list = this.querySelector("[data-list]");
    this.filter.addEventListener("input", (event) => {
      event.stopPropagation(); // no part of what is asked for
      this.narrow();
    });
    this.filter.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.list.querySelector("li:not([hidden]) button")?.click();
    });
    this.list.addEventListener("click", ({ target }) => this.pick(target.closest("button")));
    this.field.addEventListener("input", () => this.mark());
  }

  async refresh() {
    this.asking?.abort();
    this.asking = new AbortController();
    const body = new FormData(this.form);
    body.delete("zip");
    try {
      const answer = await fetch(this.dataset.url, { method: "POST", body, signal: this.asking.signal });
      if (!answer.ok || answer.redirected) return;
      this.list.innerHTML = await answer.text();
    } catch {
      return; // the path can be typed
    }
    this.filled();
  }

  filled() {
    const scripts = this.list.querySelectorAll("[data-script]");
    this.hidden = !this.list.textContent.trim();
    this.filter.hidden = scripts.length < 8;
    this.filter.value = "";
    if (scripts.length === 1 && !this.field.value && !this.command.value) this.pick(scripts[0]);
    this.mark();
  }

  // Files that are known here and not yet there.
  offer(paths) {
    this.asking?.abort();
    const likely = (path) => LIKELY.indexOf(path.split("/").pop()) + 1 || LIKELY.length + path.split("/").length;
    const scripts = paths.filter((path) => SCRIPT.test(path)).sort((a, b) => likely(a) - likely(b));
    const list = document.createElement("ul");
    list.className = "script-list";
    for (const path of scripts.slice(0, LISTED)) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: path });
      button.dataset.script = path;
      const item = document.createElement("li");
      item.append(button);
      list.append(item);
    }
    this.list.replaceChildren(list);
    if (scripts.length > LISTED) {
      const more = document.createElement("p");
      more.className = "quiet small";
      more.textContent = `${(scripts.length - LISTED).toLocaleString("en")} more scripts: type the path.`;
      this.list.append(more);
    }
    this.filled();
  }

  narrow() {
    const wanted = this.filter.value.trim().toLowerCase();
    let shown = 0;
    for (const item of this.list.querySelectorAll("li")) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
      shown += !item.hidden;
    }
    const none = this.list.querySelector("[data-none]");
    if (none) none.hidden = shown > 0;
  }

  pick(button) {
    if (!button) return;
    const { script = "", command = "" } = button.dataset;
    this.set(this.field, script);
    this.set(this.command, command);
    if (command) this.command.closest("details").open = true;
  }

  set(field, value) {
    if (field.value === value) return;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  mark() {
    for (const button of this.list.querySelectorAll("[data-script]"))
      button.toggleAttribute("aria-current", button.dataset.script === this.field.value);
  }
}

customElements.define("pick-script", PickScript);
