// <text-file>: a file that is chosen is read into the text field of its kind, to be looked at and
// changed; its name tells the kind. Without this script the file is sent with the form.
const KINDS = [
  [/^pyproject\.toml$/i, "pyproject"],
  [/\.ya?ml$/i, "conda"],
  [/dockerfile/i, "dockerfile"],
  [/\.(txt|in)$/i, "requirements"],
];

class TextFile extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", ({ target }) => target.files?.length && this.take(target));
  }

  async take(input) {
    const form = this.closest("form");
    const [file] = input.files;
    const kind = KINDS.find(([pattern]) => pattern.test(file.name))?.[1] ?? form.elements.kind.value;
    const area = form.elements[kind];
    const text = await file.text();
    form.elements.kind.value = kind;
    area.value = text.replace(/^\uFEFF/, "");
    input.value = "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  }
}

customElements.define("text-file", TextFile);
