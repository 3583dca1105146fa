// <word-filter data-list=".pins" data-what="packages"><header>…</header><ul class="pins">…</ul>
// puts a box into the header that leaves only the items with the words that are typed.
class WordFilter extends HTMLElement {
  connectedCallback() {
    const items = [...this.querySelectorAll(`${this.dataset.list} > *`)];
    const header = this.querySelector("header");
    if (!header || items.length < 8) return;
    const box = document.createElement("input");
    box.type = "search";
    box.className = "form-control";
    box.placeholder = box.ariaLabel = `Filter ${items.length} ${this.dataset.what}`;
    box.dataset.key = "/";
    box.dataset.keyLabel = `Filter the ${this.dataset.what}`;
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/);
      for (const item of items) {
        const text = item.textContent.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
      }
    });
    header.append(box);
  }
}

customElements.define("word-filter", WordFilter);
