// <folder-upload>: choose or drop a folder, see what stays behind, send what the studio lacks.
// The snapshot's name ends up in the hidden field `uploaded`; the form is sent after the files.
import { chosen, dropped } from "./upload-list.js";
import { hashAll, Refusal, Studio } from "./upload-send.js";

const RULES = /(^|\/)(\.gitignore|\.amlignore|\.git\/info\/exclude)$/;
const SCRIPT = /\.(py|sh|ipynb)$/;

const size = (count) => {
  let unit = 0;
  for (; count >= 999.5 && unit < 4; unit++) count /= 1000;
  return `${unit && count < 9.95 ? count.toFixed(1) : Math.round(count)} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
};
const many = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

function element(tag, text = "", ...children) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.append(...children);
  return made;
}

class FolderUpload extends HTMLElement {
  #files = null; // what is to be sent; null: nothing was chosen, or it is all there
  #busy = false;

  connectedCallback() {
    this.form = this.closest("form");
    this.field = this.querySelector("[name=uploaded]");
    const drop = this.part("drop");
    drop.hidden = false;
    for (const input of this.querySelectorAll("[data-pick]"))
      input.addEventListener("change", () => {
        this.plan(Promise.resolve(chosen(input)));
        input.value = ""; // choosing the same folder again is a change too
      });
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.plan(dropped(event.dataTransfer));
    });
    this.form.addEventListener("submit", (event) => this.beforeSubmit(event));
    if (this.field.value) this.say(`Uploaded as snapshot ${this.field.value.slice(0, 12)}.`);
  }

  part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  get isMeant() {
    const kind = this.form.elements.source;
    return !kind || kind.value === "upload";
  }

  get studio() {
    return new Studio(this.dataset.workspace, this.form.elements.csrfmiddlewaretoken.value);
  }

  async plan(listing) {
    if (this.#busy) return;
    this.field.value = "";
    this.#files = null;
    this.part("plan").hidden = true;
    await this.working(async () => {
      this.say("Looking at the files…");
      const files = await listing;
      if (!files.length) throw new Refusal("There are no files in it.");
      const rules = {};
      for (const { path, file } of files) if (RULES.test(path)) rules[path] = (await file.text()).replaceAll("\0", "");
      const listed = files.map(({ path, file }) => [path, file.size]);
      const plan = await this.studio.post("/snapshots/plan", JSON.stringify({ files: listed, rules }));
      this.#files = plan.kept.map((at) => files[at]);
      this.show(plan);
      this.say("");
    });
  }

  show(plan) {
    const here = this.part("plan");
    const go = element("button", "Upload now");
    go.type = "button";
    go.className = "btn";
    go.addEventListener("click", () => this.upload());
    const left = plan.left_out.map(({ path, files, size_bytes }) =>
      element("li", path.endsWith("/") ? `${path} (${many(files, "file")}, ${size(size_bytes)})` : path));
    const largest = plan.largest.map(([path, bytes]) => element("li", `${path} (${size(bytes)})`));
    here.replaceChildren(
      element("p", `${many(plan.kept.length, "file")}, ${size(plan.size_bytes)}. `, go),
      folded(`${left.length ? many(left.length, "ignored entry").replace("entrys", "entries") : "Nothing ignored"}`, left),
      folded("The largest files", largest),
    );
    here.hidden = false;
    const paths = this.#files.map(({ path }) => path).filter((path) => SCRIPT.test(path));
    document.getElementById("scripts")?.replaceChildren(
      ...paths.slice(0, 200).map((path) => Object.assign(element("option"), { value: path })));
  }

  async upload() {
    if (this.#busy || !this.#files) return false;
    return this.working(async () => {
      const files = this.#files;
      const total = files.reduce((sum, { file }) => sum + file.size, 0);
      this.progress(0, total);
      const shas = await hashAll(files, this.dataset.worker, (done) => {
        this.progress(done, total);
        this.say(`Reading: ${size(done)} of ${size(total)}`);
      });
      const entries = files.map(({ path, file }, at) => ({ path, file, size: file.size, sha: shas[at] }));
      const { digest, sent } = await this.studio.bring(entries, (news) => this.tell(news));
      this.field.value = digest;
      this.#files = null;
      this.progress(total, total);
      this.querySelector("[data-plan] button")?.remove();
      this.say(`Uploaded as snapshot ${digest.slice(0, 12)}: ${size(sent)} sent, the rest was there.`);
    });
  }

  tell({ sent, total, waiting }) {
    if (waiting) return this.say(`The connection dropped. Going on in ${waiting} s…`);
    this.progress(sent, total);
    this.say(`Sending: ${size(Math.min(sent, total))} of ${size(total)}`);
  }

  async beforeSubmit(event) {
    if (!this.isMeant || (!this.#files && !this.#busy)) return;
    event.preventDefault();
    if (await this.upload()) this.form.requestSubmit(event.submitter);
  }

  // Whether the work came to its end; a refusal is shown.
  async working(work) {
    const problem = this.part("problem");
    problem.hidden = true;
    this.#busy = true;
    try {
      await work();
      return true;
    } catch (error) {
      this.say("");
      problem.textContent = error instanceof Refusal ? error.message
        : "The studio cannot be reached, or a file cannot be read: try again.";
      problem.hidden = false;
      return false;
    } finally {
      this.#busy = false;
      this.querySelector("progress").hidden = true;
    }
  }

  progress(value, max) {
    const bar = this.querySelector("progress");
    Object.assign(bar, { hidden: false, max: max || 1, value: max ? value : 1 });
  }

  say(text) {
    this.part("state").textContent = text;
    this.part("progress").hidden = !text;
    if (!this.#busy) this.querySelector("progress").hidden = true;
  }
}

function folded(title, items) {
  const list = element("ul");
  list.append(...items);
  const made = element("details", "", element("summary", title), list);
  made.className = "more";
  made.open = items.length > 0 && items.length <= 10;
  return made;
}

customElements.define("folder-upload", FolderUpload);
