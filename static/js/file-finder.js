// <file-finder><form><input name="find"></form><ul data-all>…</ul></file-finder>
// While one types, the tree gives way to the paths that match; Enter opens the first or the one
// that the arrow keys chose. Without scripts the form asks the server, which ranks alike.
const SHOWN = 50;

// Smaller is better: in the name in one piece, in the path in one piece, scattered.
export function rank(path, wanted) {
  const low = path.toLowerCase();
  const name = low.lastIndexOf("/") + 1;
  const at = low.indexOf(wanted, name);
  if (at >= 0) return [0, at - name, path.length];
  if (low.includes(wanted)) return [1, low.indexOf(wanted), path.length];
  let last = low.indexOf(wanted[0]);
  const first = last;
  for (const letter of wanted.slice(1)) last = last < 0 ? -1 : low.indexOf(letter, last + 1);
  return last < 0 ? null : [2, last - first, path.length];
}

function byRank([a], [b]) {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

class FileFinder extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.tree = this.querySelector("[data-all]");
    this.links = [...this.tree.querySelectorAll("a")];
    this.base = new URL(this.querySelector("form").action).pathname;
    this.paths = this.links.map((link) => decodeURIComponent(new URL(link.href).pathname.slice(this.base.length)));
    this.input.addEventListener("input", () => this.find());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.querySelector("form").addEventListener("submit", (event) => this.open(event));
    if (this.input.value) this.find();
  }

  find() {
    const wanted = this.input.value.toLowerCase().replaceAll(/\s/g, "");
    this.querySelector(".found")?.remove();
    this.tree.hidden = Boolean(wanted);
    if (!wanted) return;
    const ranked = this.paths.map((path, n) => [rank(path, wanted), path, n]).filter(([found]) => found);
    const list = document.createElement("ul");
    list.className = "tree found";
    for (const [, path, n] of ranked.sort(byRank).slice(0, SHOWN)) list.append(item(path, this.links[n].href));
    if (!ranked.length) list.append(item("No path has these letters in this order."));
    this.tree.before(list);
    this.mark(0);
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") this.clear();
    if (!step || !this.querySelector(".found a")) return;
    event.preventDefault();
    this.mark(this.at + step);
  }

  mark(at) {
    const found = [...this.querySelectorAll(".found a")];
    this.at = Math.max(0, Math.min(found.length - 1, at));
    found.forEach((link, n) => link.classList.toggle("chosen", n === this.at));
    found[this.at]?.scrollIntoView({ block: "nearest" });
  }

  open(event) {
    const chosen = this.querySelector(".found a.chosen");
    if (!chosen) return;
    event.preventDefault();
    location.assign(chosen.href);
  }

  clear() {
    this.input.value = "";
    this.find();
    this.input.blur();
  }
}

function item(text, href) {
  const line = document.createElement("li");
  const inside = document.createElement(href ? "a" : "span");
  if (href) inside.href = href;
  inside.textContent = text;
  line.append(inside);
  return line;
}

customElements.define("file-finder", FileFinder);
