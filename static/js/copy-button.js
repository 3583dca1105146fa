// <copy-button data-text="…"></copy-button>: puts the text on the clipboard and says so.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // plain http has no clipboard object
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "⧉";
    button.title = button.ariaLabel = `Copy ${this.dataset.what ?? ""}`.trim();
    button.addEventListener("click", async () => {
      await copy(this.dataset.text);
      button.textContent = "✓";
      setTimeout(() => (button.textContent = "⧉"), 1500);
    });
    this.replaceChildren(button);
  }
}

customElements.define("copy-button", CopyButton);
