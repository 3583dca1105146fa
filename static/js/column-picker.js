// <column-picker><a href="…">: opens the page that the link leads to as a dialog, with a search.
class ColumnPicker extends HTMLElement {
  connectedCallback() {
    this.link = this.querySelector("a");
    this.link?.addEventListener("click", (event) => this.open(event));
  }

  async open(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const address = new URL(this.link.href);
    address.searchParams.set("part", "1");
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(answer.statusText);
      this.show(await answer.text());
    } catch {
      location.href = this.link.href;
    }
  }

  show(html) {
    this.dialog?.remove();
    this.dialog = document.createElement("dialog");
    this.dialog.className = "columns-dialog";
    this.dialog.setAttribute("aria-label", "Columns");
    this.dialog.innerHTML = html;
    this.append(this.dialog);
    const search = this.dialog.querySelector("[data-column-search]");
    search.hidden = false;
    search.addEventListener("input", () => this.find(search.value));
    search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.showModal();
    search.focus();
  }

  find(text) {
    const wanted = text.trim().toLowerCase();
    for (const item of this.dialog.querySelectorAll("li")) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
    }
  }
}

customElements.define("column-picker", ColumnPicker);
