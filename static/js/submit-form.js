// <submit-form>: the side of the submit page. It asks the studio about the form as it is filled
// in, and shows the answers: what is wrong beside each field, what would run, how soon, and what
// may go wrong. Nothing of it is needed to submit.
import "./pick-script.js";

const CHECK_MS = 250;
const PREFLIGHT_MS = 450;
const LIVE_MS = 4000;
const FILES = ["source", "saved", "folder", "git", "git_ref", "git_folder", "git_credential", "uploaded", "snapshot", "looked"];
const LOOKED_AT = [...FILES, "script", "arguments", "command", "environment", "target", "data_names", "gpus", "priority"];

class SubmitForm extends HTMLElement {
  #refused = new Set(); // fields that the studio sent back
  #asking = new Map(); // what is under way, by address
  #timers = new Map();
  #told = new Map(); // what each place shows
  #seen = "";
  #files = "";

  connectedCallback() {
    this.form = this.closest("form");
    for (const kind of ["input", "change"])
      this.form.addEventListener(kind, ({ target }) => this.changed(target));
    this.onKey = (event) => this.key(event);
    this.onLive = () => document.hidden || this.later("live", LIVE_MS, () => this.check());
    document.addEventListener("keydown", this.onKey);
    document.body.addEventListener("runyard:changed", this.onLive);
    this.addEventListener("click", ({ target }) => this.choose(target.dataset.chooseEnvironment));
    for (const radio of this.querySelectorAll("[name=_plan]"))
      radio.addEventListener("change", () => this.showPlan());
    for (const field of this.form.querySelectorAll(".problem[id$=-problem]"))
      this.#refused.add(field.id.replace(/^id_|-problem$/g, ""));
    const first = this.form.querySelector("[data-select]");
    if (first && first.value === first.defaultValue) {
      first.focus();
      first.select(); // unless somebody was faster than this script
    }
    this.form.querySelector("details:has(variable-rows)")?.addEventListener("toggle", () => import("./variable-rows.js"));
    if (this.form.querySelector("details[open] variable-rows")) import("./variable-rows.js");
    this.look();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.onKey);
    document.body.removeEventListener("runyard:changed", this.onLive);
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  key(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.form.requestSubmit(this.querySelector("[type=submit]"));
  }

  choose(environment) {
    if (!environment) return;
    const radio = this.form.querySelector(`[name=environment][value="${CSS.escape(environment)}"]`);
    if (!radio) return;
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
  }

  changed({ name }) {
    if (name && !name.startsWith("_")) this.look();
  }

  look() {
    this.later("check", CHECK_MS, () => this.check());
    this.later("preflight", PREFLIGHT_MS, () => this.preflight());
    const files = this.values(FILES);
    if (files !== this.#files) {
      this.#files = files;
      this.form.querySelector("pick-script")?.refresh();
    }
  }

  later(what, wait, work) {
    if (what === "live" && this.#timers.has(what)) return;
    clearTimeout(this.#timers.get(what));
    this.#timers.set(what, setTimeout(() => {
      this.#timers.delete(what);
      work();
    }, wait));
  }

  values(names) {
    const data = new FormData(this.form);
    return JSON.stringify(names.map((name) => data.get(name)));
  }

  // The newest answer to a question; undefined when a newer question was put meanwhile.
  async ask(url, kind) {
    this.#asking.get(url)?.abort();
    const asking = new AbortController();
    this.#asking.set(url, asking);
    const body = new FormData(this.form);
    body.delete("zip");
    body.delete("_plan");
    try {
      const answer = await fetch(url, { method: "POST", body, signal: asking.signal });
      if (answer.ok && !answer.redirected) return await answer[kind]();
    } catch (error) {
      if (error.name !== "AbortError") this.say("The studio does not answer: it is asked again with the next change.");
    }
  }

  async check() {
    const answer = await this.ask(this.dataset.check, "json");
    if (!answer) return;
    const { problems, plan, targets, environments, differences } = answer;
    this.showProblems(problems);
    this.plan = plan;
    this.showPlan();
    for (const [name, text] of Object.entries(plan?.defaults ?? {})) this.form.elements[name].placeholder = text;
    if (this.fill("outlook", targets)) {
      this.#seen = "";
      this.later("preflight", PREFLIGHT_MS, () => this.preflight());
    }
    this.fill("readiness", environments);
    const place = this.querySelector("[data-differences]");
    if (place) place.innerHTML = differences;
  }

  async preflight() {
    const seen = this.values(LOOKED_AT);
    const { script, command } = this.form.elements;
    if (seen === this.#seen || !(script.value.trim() || command.value.trim())) return;
    const slow = setTimeout(() => this.say("looking…"), 200);
    const answer = await this.ask(this.dataset.preflight, "text");
    clearTimeout(slow);
    if (!answer) return;
    this.#seen = seen;
    this.querySelector("[data-findings]").innerHTML = answer;
    this.say("");
  }

  say(text) {
    this.querySelector("[data-looking]").textContent = text;
  }

  // Whether something is otherwise than it was told before.
  fill(kind, texts) {
    let hasChanged = false;
    for (const place of this.form.querySelectorAll(`[data-${kind}]`)) {
      const text = texts[place.dataset[kind]];
      const before = this.#told.get(place);
      if (text === undefined || text === before) continue;
      this.#told.set(place, text);
      place.innerHTML = text;
      hasChanged ||= before !== undefined;
    }
    return hasChanged;
  }

  showPlan() {
    const chosen = this.querySelector("[name=_plan]:checked").value;
    this.querySelector("[data-plan-empty]").hidden = Boolean(this.plan);
    for (const view of this.querySelectorAll("[data-plan-view]")) {
      const text = this.plan?.[view.dataset.planView] ?? "";
      view.hidden = !text || view.dataset.planView !== chosen;
      view.querySelector("pre").textContent = text;
      view.querySelector("copy-button").dataset.text = text;
    }
  }

  // What is still empty is no mistake yet, unless it was sent back for that.
  showProblems(problems) {
    for (const place of this.places()) {
      const { name, value } = place;
      const isMeant = value || this.#refused.has(name) || this.isWrongTogether(name);
      this.mark(place, (isMeant && problems[name]) || "");
    }
  }

  isWrongTogether(name) {
    return name === "script" && this.form.elements.command.value.trim() !== "";
  }

  *places() {
    const seen = new Set(["csrfmiddlewaretoken", "_plan", "source"]);
    for (const { name, type } of this.form.elements) {
      if (!name || type === "hidden" || seen.has(name)) continue;
      seen.add(name);
      const control = this.form.elements[name];
      const holder = this.form.querySelector(`[data-field="${name}"]`) ?? document.getElementById(`id_${name}`)?.closest(".field");
      if (holder) yield { name, holder, control, value: (control.value ?? "").trim() };
    }
  }

  mark({ name, holder, control }, sentence) {
    let problem = holder.querySelector(`#id_${name}-problem`);
    if ((problem?.textContent.trim() ?? "") === sentence) return;
    if (!problem) {
      problem = document.createElement("p");
      problem.className = "problem";
      problem.id = `id_${name}-problem`;
      const hint = holder.querySelector(":scope > .hint");
      hint ? hint.before(problem) : holder.append(problem);
    }
    problem.textContent = sentence;
    problem.hidden = !sentence;
    if (!(control instanceof Element)) return;
    control.classList.toggle("is-invalid", Boolean(sentence));
    control.toggleAttribute("aria-invalid", Boolean(sentence));
    const others = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== problem.id);
    if (sentence) others.push(problem.id);
    others.length ? control.setAttribute("aria-describedby", others.join(" ")) : control.removeAttribute("aria-describedby");
  }
}

customElements.define("submit-form", SubmitForm);
