// <copy-button data-text="…"></copy-button>: puts the text on the clipboard and says so.
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // plain http has no clipboard object
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

const DRAWING = {
  copy: '<path d="M5.5 5.5h8v8h-8z"/><path d="M10.5 5.5v-3h-8v8h3"/>',
  done: '<path d="m3 8.5 3.2 3.2L13 4.8"/>',
};

function drawn(name) {
  return `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${DRAWING[name]}</svg>`;
}

class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = document.createElement("button");
    button.type = "button";
    button.innerHTML = drawn("copy");
    const say = (words) => (button.title = button.ariaLabel = words);
    const offer = () => {
      button.innerHTML = drawn("copy");
      say(`Copy ${this.dataset.what ?? ""}`.trim());
    };
    button.addEventListener("click", async () => {
      try {
        await copy(this.dataset.text);
        button.innerHTML = drawn("done");
        say("Copied");
      } catch {
        say("The browser did not let it be copied");
      }
      setTimeout(offer, 1500);
    });
    offer();
    this.replaceChildren(button);
  }
}

customElements.define("copy-button", CopyButton);
