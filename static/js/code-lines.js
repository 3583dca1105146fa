// <code-lines><pre>…<span class="cl" id="L7"><a href="#L7" data-n="7"></a>…</span></pre></code-lines>
// A click on a number chooses its line, with Shift a range; the address has it as #L7 or #L7-L12,
// so it survives a reload and can be sent to somebody. A bar copies the link or the lines.
const FRAGMENT = /^#L(\d+)(?:-L(\d+))?$/;

class CodeLines extends HTMLElement {
  connectedCallback() {
    this.pre = this.querySelector("pre");
    this.pre.addEventListener("click", (event) => this.click(event));
    this.onHash = () => this.show(true);
    addEventListener("hashchange", this.onHash);
    this.show(true);
  }

  disconnectedCallback() {
    removeEventListener("hashchange", this.onHash);
  }

  click(event) {
    const number = Number(event.target.closest("a[data-n]")?.dataset.n);
    if (!number) return;
    event.preventDefault();
    const first = event.shiftKey && this.range ? this.range[0] : number;
    const [from, to] = [Math.min(first, number), Math.max(first, number)];
    history.replaceState(history.state, "", from === to ? `#L${from}` : `#L${from}-L${to}`);
    this.show(false);
  }

  show(scrolls) {
    const found = FRAGMENT.exec(location.hash);
    this.range = found && [Number(found[1]), Number(found[2] ?? found[1])].sort((a, b) => a - b);
    for (const line of this.pre.querySelectorAll(".hit")) line.classList.remove("hit");
    const lines = this.range ? this.lines() : [];
    lines.forEach((line) => line.classList.add("hit"));
    if (scrolls) lines[0]?.scrollIntoView({ block: "center" });
    this.tell(lines);
  }

  lines() {
    const [from, to] = this.range;
    const count = Math.min(to, this.pre.childElementCount) - from + 1;
    return Array.from({ length: Math.max(0, count) }, (_, n) => this.pre.children[from - 1 + n]).filter(Boolean);
  }

  tell(lines) {
    this.bar?.remove();
    if (!lines.length) return;
    const [from, to] = this.range;
    this.bar = document.createElement("div");
    this.bar.className = "line-bar";
    this.bar.setAttribute("role", "status");
    this.bar.append(from === to ? `line ${from}` : `lines ${from}–${to}`);
    this.bar.append(copies(location.href, "link"));
    this.bar.append(copies(lines.map((line) => line.textContent).join(""), to > from ? "lines" : "line"));
    this.append(this.bar);
  }
}

function copies(text, what) {
  const label = document.createElement("span");
  const button = document.createElement("copy-button");
  button.dataset.text = text;
  button.dataset.what = what === "link" ? "a link to them" : `the ${what}`;
  label.append(what, button);
  return label;
}

customElements.define("code-lines", CodeLines);
