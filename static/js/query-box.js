// <query-box data-url="…"><input name="q"></query-box>: offers how a filter can go on.
// The server knows the fields, names and values; queries that were sent lately are kept here.
// A combobox: arrows choose, Enter or Tab takes, Escape closes; Enter with nothing chosen sends.
const KEPT = "runyard.queries";
const MOST_KEPT = 8;
const PAUSE_MS = 80;

function recent() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT));
    return Array.isArray(found) ? found.filter((text) => typeof text === "string") : [];
  } catch {
    return [];
  }
}

function remember(text) {
  const kept = [text, ...recent().filter((other) => other !== text)].slice(0, MOST_KEPT);
  try {
    localStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // a browser that keeps nothing
  }
}

class QueryBox extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    if (!this.input || this.list) return;
    this.list = document.createElement("ul");
    this.list.id = "query-choices";
    this.list.className = "choices";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "How the filter can go on");
    this.list.hidden = true;
    this.append(this.list);
    const attributes = {
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
      "aria-autocomplete": "list",
    };
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    this.input.addEventListener("input", () => this.soon());
    this.input.addEventListener("focus", () => this.soon());
    this.input.addEventListener("click", () => this.soon());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.close());
    this.input.form?.addEventListener("submit", () => this.input.value.trim() && remember(this.input.value.trim()));
    // before the field loses the focus
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const at = [...this.list.children].indexOf(event.target.closest("[role=option]"));
      if (at >= 0) this.take(at);
    });
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.asking?.abort();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  async ask() {
    const text = this.input.value;
    const at = this.input.selectionStart;
    this.asking?.abort();
    this.asking = new AbortController();
    const old = text.trim() ? [] : recent().map((query) => (
      { text: query, hint: "used lately", start: 0, end: text.length, isWhole: true }
    ));
    try {
      const asked = new URLSearchParams({ q: text, at });
      const { signal } = this.asking;
      const answer = await fetch(`${this.dataset.url}?${asked}`, { signal });
      if (!answer.ok) return;
      const { choices } = await answer.json();
      if (document.activeElement === this.input) this.show([...old, ...choices], text);
    } catch {
      // a newer question took its place, or the studio is away: the box works without
    }
  }

  // `text` is what they go on from: what was typed since lies before the end of each
  show(choices, text) {
    const kept = this.choices?.[this.chosen]?.text;
    const typed = (choice) => text.slice(choice.start, choice.end);
    this.text = text;
    this.choices = choices.filter((choice) => choice.text !== typed(choice));
    this.list.replaceChildren(...this.choices.map((choice, at) => this.option(choice, at)));
    const isOpen = this.choices.length > 0;
    this.list.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    // a newer answer does not take away what somebody has chosen
    this.mark(this.choices.findIndex((choice) => choice.text === kept));
  }

  option(choice, at) {
    const item = document.createElement("li");
    item.id = `query-choice-${at}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const word = document.createElement("code");
    word.textContent = choice.text;
    const hint = document.createElement("span");
    hint.className = "quiet";
    hint.textContent = choice.hint;
    item.append(word, " ", hint);
    return item;
  }

  close() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.show([], "");
  }

  key(event) {
    if (event.isComposing) return;
    const isOpen = !this.list.hidden;
    if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) this.choose(event.key === "ArrowDown" ? 1 : -1);
      else this.ask();
    } else if (isOpen && this.chosen >= 0 && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      this.take(this.chosen);
    }
  }

  choose(step) {
    const count = this.choices.length;
    this.mark(this.chosen < 0 ? (step > 0 ? 0 : count - 1) : (this.chosen + step + count) % count);
  }

  mark(chosen) {
    this.chosen = chosen;
    const items = [...this.list.children];
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
    if (chosen < 0) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    this.input.setAttribute("aria-activedescendant", items[chosen].id);
    items[chosen].scrollIntoView({ block: "nearest" });
  }

  take(at) {
    const { text, start, isWhole, ...choice } = this.choices[at];
    const { value } = this.input;
    const end = choice.end + value.length - this.text.length;
    const isOpenEnded = /[.:>]$/.test(text);
    const rest = value.slice(end);
    const gap = isWhole || isOpenEnded || /^[\s:=!<>,]/.test(rest) ? "" : " ";
    // `metrics.` is followed by a name, and a name by a comparison
    const isName = !isWhole && /(^|\s)-?(metrics|params)\."?$/.test(value.slice(0, start));
    const put = text + (isName ? "" : gap);
    this.input.value = value.slice(0, start) + put + rest;
    const place = start + put.length;
    this.input.setSelectionRange(place, place);
    this.close();
    this.soon();
  }
}

customElements.define("query-box", QueryBox);
