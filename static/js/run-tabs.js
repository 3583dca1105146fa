// <nav>…</nav><run-tabs>: [ and ] go to the tab before and after the open one. Keys are pressed for
// elements with `data-key`, so the two neighbours get one.
class RunTabs extends HTMLElement {
  connectedCallback() {
    const tabs = [...this.previousElementSibling.querySelectorAll("a")];
    const at = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
    name(tabs[at - 1], "[", "Tab before");
    name(at < 0 ? undefined : tabs[at + 1], "]", "Next tab");
  }
}

function name(tab, key, label) {
  if (!tab) return;
  tab.dataset.key = key;
  tab.dataset.keyLabel = label;
}

customElements.define("run-tabs", RunTabs);
