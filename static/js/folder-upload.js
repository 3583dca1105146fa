// <folder-upload>: choose or drop a folder, see what stays behind, send what the studio lacks.
// The snapshot's name ends up in the hidden field `uploaded`; the form is sent after the files.
import { dropAnywhere } from "./drop-anywhere.js";
import { chosen, dropped, Refusal, Stopped } from "./upload-list.js";

const sending = () => import("./upload-send.js"); // once there is something to send

const BROKEN = "runyard-upload"; // how many files an upload has that did not end
const RULES = /(^|\/)(\.gitignore|\.amlignore|\.git\/info\/exclude)$/;

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
  #shas = []; // of those files, as far as they were read
  #busy = false;
  #work = null; // what makes it busy
  #stop = null; // ends what is going on
  #pace = null; // since when, and from how many bytes on

  connectedCallback() {
    this.form = this.closest("form");
    this.field = this.querySelector("[name=uploaded]");
    this.part("drop").hidden = false;
    for (const input of this.querySelectorAll("[data-pick]"))
      input.addEventListener("change", () => {
        this.plan(Promise.resolve(chosen(input)));
        input.value = ""; // choosing the same folder again is a change too
      });
    this.endDrops = dropAnywhere(this.form, this.part("drop"), (transfer) => {
      this.mean();
      this.plan(dropped(transfer));
    });
    this.part("cancel").addEventListener("click", () => this.#stop?.abort());
    this.form.addEventListener("submit", (event) => this.beforeSubmit(event));
    const broken = sessionStorage.getItem(BROKEN);
    if (this.field.value) this.say(`Uploaded as snapshot ${this.field.value.slice(0, 12)}.`);
    else if (broken) this.say(`An upload of ${broken} was interrupted: choose the same again, and it goes on where it was.`);
  }

  disconnectedCallback() {
    this.endDrops?.();
  }

  part(name) {
    return this.querySelector(`[data-${name}]`);
  }

  // Of the files that are chosen and not yet sent.
  get paths() {
    return this.#files?.map(({ path }) => path);
  }

  get isMeant() {
    const kind = this.form.elements.source;
    return !kind || kind.value === "upload";
  }

  // Files that are dropped on the page are meant, whatever was chosen before.
  mean() {
    const radio = this.form.querySelector("[name=source][value=upload]");
    if (!radio || radio.checked) return;
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
  }

  set digest(value) {
    if (this.field.value === value) return;
    this.field.value = value;
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async studio() {
    const { Studio } = await sending();
    return new Studio(this.dataset.workspace, this.form.elements.csrfmiddlewaretoken.value);
  }

  async plan(listing) {
    while (this.#busy) { // other files are meant now
      this.#stop.abort();
      await this.#work;
    }
    sessionStorage.removeItem(BROKEN);
    this.digest = "";
    this.#files = null;
    this.#shas = [];
    this.part("plan").hidden = true;
    await this.working(async () => {
      this.say("Looking at the files…");
      const files = await listing;
      if (!files.length) throw new Refusal("There are no files in it.");
      const rules = {};
      for (const { path, file } of files) if (RULES.test(path)) rules[path] = (await file.text()).replaceAll("\0", "");
      const listed = files.map(({ path, file }) => [path, file.size]);
      const plan = await (await this.studio()).post("/snapshots/plan", JSON.stringify({ files: listed, rules }));
      this.#files = plan.kept.map((at) => files[at]);
      this.show(plan);
      this.say("");
    });
    this.form.querySelector("pick-script")?.refresh();
    if (!this.#files) return;
    const total = this.#files.reduce((sum, { file }) => sum + file.size, 0);
    if (total <= Number(this.dataset.autosend ?? -1)) await this.upload();
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
      folded("The largest files", largest, false),
    );
    here.hidden = false;
  }

  async upload() {
    if (this.#busy || !this.#files) return false;
    return this.working(async () => {
      const files = this.#files;
      const total = files.reduce((sum, { file }) => sum + file.size, 0);
      this.progress(0, total);
      sessionStorage.setItem(BROKEN, many(files.length, "file"));
      const signal = this.#stop.signal;
      const shas = this.#shas;
      this.#pace = null;
      const { hashAll } = await sending();
      await hashAll(files, this.dataset.worker, (done) => {
        this.progress(done, total);
        this.say(`Reading: ${size(done)} of ${size(total)}${this.left(done, total)}`);
      }, { shas, signal });
      const entries = files.map(({ path, file }, at) => ({ path, file, size: file.size, sha: shas[at] }));
      this.#pace = null;
      const { digest, sent } = await (await this.studio()).bring(entries, (news) => this.tell(news), signal);
      sessionStorage.removeItem(BROKEN);
      this.digest = digest;
      this.#files = null;
      this.progress(total, total);
      this.querySelector("[data-plan] button")?.remove();
      this.say(`Uploaded as snapshot ${digest.slice(0, 12)}: ${size(sent)} sent, the rest was there.`);
    });
  }

  tell({ sent, total, files, all, waiting }) {
    if (waiting) {
      this.#pace = null;
      return this.say(`The connection dropped. Going on in ${waiting} s…`);
    }
    this.progress(sent, total);
    const which = all > 1 ? `, ${files} of ${many(all, "file")}` : "";
    this.say(`Sending: ${size(Math.min(sent, total))} of ${size(total)}${which}${this.left(sent, total)}`);
  }

  // How long it still takes, once there is something to tell it from.
  left(done, total) {
    const now = performance.now();
    this.#pace ??= { since: now, from: done };
    const passed = (now - this.#pace.since) / 1000, moved = done - this.#pace.from;
    if (passed < 2 || moved <= 0 || done >= total) return "";
    const seconds = Math.ceil(((total - done) * passed) / moved);
    return `, about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} left`;
  }

  async beforeSubmit(event) {
    if (!this.isMeant || (!this.#files && !this.#busy)) return;
    event.preventDefault();
    const { submitter } = event;
    while (this.#busy) await this.#work; // looked at, then perhaps sent already
    if (this.field.value || (await this.upload())) this.form.requestSubmit(submitter);
  }

  // Whether the work came to its end; a refusal is shown.
  working(work) {
    return (this.#work = this.done(work));
  }

  async done(work) {
    const problem = this.part("problem");
    problem.hidden = true;
    this.#busy = true;
    this.#stop = new AbortController();
    try {
      await work();
      return true;
    } catch (error) {
      this.say(error instanceof Stopped ? "Stopped. What has arrived is not sent again." : "");
      if (error instanceof Stopped) return false;
      problem.textContent = error instanceof Refusal ? error.message
        : "The studio cannot be reached, or a file cannot be read: try again.";
      problem.hidden = false;
      return false;
    } finally {
      this.#busy = false;
      this.querySelector("progress").hidden = this.part("cancel").hidden = true;
    }
  }

  progress(value, max) {
    const bar = this.querySelector("progress");
    Object.assign(bar, { hidden: false, max: max || 1, value: max ? value : 1 });
  }

  say(text) {
    this.part("state").textContent = text;
    this.part("progress").hidden = !text;
    this.part("cancel").hidden = !this.#busy || !this.#files;
    if (!this.#busy) this.querySelector("progress").hidden = true;
  }
}

function folded(title, items, isOpen = items.length > 0 && items.length <= 10) {
  const list = element("ul");
  list.append(...items);
  const made = element("details", "", element("summary", title), list);
  made.className = "more";
  made.open = isOpen;
  return made;
}

customElements.define("folder-upload", FolderUpload);
