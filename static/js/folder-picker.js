// <folder-picker data-url data-for>: a list of the studio's folders that fills in a field.
class FolderPicker extends HTMLElement {
  connectedCallback() {
    this.field = document.getElementById(this.dataset.for);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = "Browse…";
    button.addEventListener("click", () => {
      if (this.panel.hidden) this.open(this.field.value);
      else this.panel.hidden = true;
    });
    this.panel = document.createElement("div");
    this.panel.className = "folders";
    this.panel.hidden = true;
    this.panel.addEventListener("click", ({ target }) => this.clicked(target));
    this.replaceChildren(button, this.panel);
  }

  clicked({ dataset }) {
    if (dataset.path !== undefined) this.open(dataset.path);
    if (dataset.choose === undefined) return;
    this.field.value = dataset.choose;
    this.panel.hidden = true;
    this.field.focus();
  }

  async open(path) {
    const answer = await fetch(`${this.dataset.url}?path=${encodeURIComponent(path)}`);
    if (answer.redirected) return location.reload(); // signed out meanwhile
    this.panel.innerHTML = await answer.text();
    this.panel.hidden = false;
    this.panel.querySelector("button")?.focus();
  }
}

customElements.define("folder-picker", FolderPicker);
