// <pick-script data-url data-for data-command>: the files that would run, as a tree in which one
// picks the script. What is typed as the script is shown in it.
const FEW = 8; // files that need no filter
const SLOW_MS = 400;

class PickScript extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.field = document.getElementById(this.dataset.for);
    this.command = document.getElementById(this.dataset.command);
    this.filter = this.querySelector("input");
    this.list = this.querySelector("[role=tree]");
    this.told = this.querySelector("[role=status]");
    this.filter.addEventListener("input", () => this.narrow());
    this.filter.addEventListener("keydown", (event) => this.key(event));
    for (const field of [this.field, this.command]) field.addEventListener("input", () => this.mark());
  }

  async refresh() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const paths = this.chosenHere();
    const slow = setTimeout(() => this.empty("Listing the files…"), SLOW_MS);
    try {
      await this.show(paths ? { paths } : await this.ask(signal), signal);
    } catch (error) {
      if (error.name !== "AbortError") this.empty(); // the path can be typed
    } finally {
      clearTimeout(slow);
    }
  }

  // Files that were chosen in the page and are not yet in the studio.
  chosenHere() {
    const { source, uploaded } = this.form.elements;
    return source?.value === "upload" && !uploaded.value && this.form.querySelector("folder-upload").paths;
  }

  async ask(signal) {
    const body = new FormData(this.form);
    body.delete("zip");
    const answer = await fetch(this.dataset.url, { method: "POST", body, signal });
    return answer.ok && !answer.redirected ? answer.json() : {};
  }

  async show({ paths, first = "", note = "", why = "" }, signal) {
    if (!paths) return this.empty(why);
    const [{ FileTree }, names] = await Promise.all([import("./file-tree.js"), import("./path-tree.js")]);
    if (signal.aborted) return;
    this.names = names;
    this.note = note;
    this.hidden = this.list.hidden = false;
    this.filter.hidden = paths.length < FEW;
    this.tree ??= new FileTree(this.list, (path) => this.pick(path));
    paths.sort();
    if (String(paths) !== String(this.paths)) this.fill(paths, first || names.likeliest(paths));
    this.tell();
  }

  fill(paths, likely) {
    this.paths = paths;
    this.low = paths.map((path) => path.toLowerCase());
    this.filter.value = "";
    this.tree.show(paths);
    if (this.tree.starts === 1 && !this.chosen && !this.command.value) this.pick(paths.find(this.names.canStart));
    if (!this.tree.reveal(this.chosen)) this.tree.reveal(likely, { isChosen: false });
  }

  empty(text = "") {
    this.hidden = !text;
    this.list.hidden = this.filter.hidden = true;
    this.told.textContent = text;
  }

  // -- looking for it

  get words() {
    return this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  get matching() {
    const { words } = this;
    return this.paths.filter((_, at) => words.every((word) => this.low[at].includes(word)));
  }

  narrow() {
    this.tree.narrow(this.words.length ? this.matching : null);
    this.tree.reveal(this.chosen);
    this.tell();
  }

  key(event) {
    if (event.key === "ArrowDown") this.tree.enter();
    else if (event.key === "Enter") this.pick(this.words.length && this.names.meant(this.matching, this.words));
    else return;
    event.preventDefault();
  }

  tell() {
    const { many } = this.names;
    const { count, starts } = this.tree;
    const all = many(this.paths.length, "file");
    const scripts = starts ? many(starts, "script") : "no script";
    if (!this.paths.length) this.told.textContent = "There are no files.";
    else if (!this.words.length) this.told.textContent = [all, scripts, this.note].filter(Boolean).join(", ");
    else this.told.textContent = count ? `${count.toLocaleString("en")} of ${all}, ${scripts}` : `None of ${all} is called so.`;
  }

  // -- what is chosen

  // The path that the form means now.
  get chosen() {
    if (this.module && this.command.value === this.names.moduleCommand(this.module)) return this.module;
    return this.field.value.trim().replace(/^\.\//, "");
  }

  pick(path) {
    if (!path) return;
    const command = this.names.moduleCommand(path);
    this.module = command && path;
    this.set(this.field, command ? "" : path);
    this.set(this.command, command);
    if (command) this.command.closest("details").open = true;
  }

  set(field, value) {
    if (field.value === value) return;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // What is typed is shown, also when a filter would hide it.
  mark() {
    if (!this.paths || this.tree.reveal(this.chosen)) return;
    if (!this.words.length || !this.paths.includes(this.chosen)) return;
    this.filter.value = "";
    this.narrow();
  }
}

customElements.define("pick-script", PickScript);
