// <toast-note>: what was just done, in a corner for ten seconds; reading it or having the focus
// in it stops the clock. What went wrong stays until it is closed, by its button or Escape.
const SHOWN_MS = 10000;
const CLOSE = '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8m0-8-8 8"/></svg>';

class ToastNote extends HTMLElement {
  connectedCallback() {
    if (this.left === undefined) this.prepare();
    this.resume();
  }

  disconnectedCallback() {
    this.pause();
  }

  prepare() {
    this.left = "stays" in this.dataset ? Infinity : SHOWN_MS;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "toast-close";
    button.ariaLabel = button.title = "Close";
    button.innerHTML = CLOSE;
    button.addEventListener("click", () => this.remove());
    this.append(button);
    for (const name of ["pointerenter", "focusin"]) this.addEventListener(name, () => this.pause());
    for (const name of ["pointerleave", "focusout"]) this.addEventListener(name, () => this.resume());
  }

  pause() {
    if (this.timer) this.left -= performance.now() - this.since;
    clearTimeout(this.timer);
    this.timer = null;
  }

  resume() {
    if (this.timer || this.left === Infinity || this.matches(":hover, :focus-within")) return;
    this.since = performance.now();
    this.timer = setTimeout(() => this.remove(), Math.max(this.left, 1000));
  }
}

customElements.define("toast-note", ToastNote);

// Show a fragment of the server's, which holds a <toast-note>; the same words stand there once.
export function toast(html) {
  const parsed = document.createElement("template");
  parsed.innerHTML = html;
  const note = parsed.content.querySelector("toast-note");
  if (note) show(note);
  return Boolean(note);
}

// Say that something went wrong, in a sentence of the page's own.
export function complain(sentence) {
  const note = document.createElement("toast-note");
  note.className = "alert alert-bad";
  note.role = "alert";
  note.dataset.stays = "";
  const words = document.createElement("span");
  words.textContent = sentence;
  note.append(words);
  show(note);
}

function show(note) {
  const words = (each) => each.querySelector("span")?.textContent;
  const shown = [...document.querySelectorAll("toast-note")];
  shown.filter((other) => words(other) === words(note)).forEach((other) => other.remove());
  document.getElementById("toasts")?.append(note);
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  [...document.querySelectorAll("toast-note")].at(-1)?.remove();
});

// What a part of the page asked for was refused, or the studio made a mistake: say it.
document.addEventListener("htmx:responseError", ({ detail }) => {
  const { status, responseText } = detail.xhr;
  if (toast(responseText)) return;
  if (status > 500 && document.querySelector("live-socket")) return; // it says so, and asks again
  complain(`A part of this page could not be fetched (${status}): reload the page.`);
});
