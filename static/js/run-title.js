// <run-title data-title="● running · ridge · 42" data-icon="/static/…svg">: what the tab of the
// browser shows. It lies in the part of the page that is live, so it follows the run's status.
class RunTitle extends HTMLElement {
  connectedCallback() {
    document.title = `${this.dataset.title} · Runyard`;
    const icon = document.querySelector('link[rel="icon"]');
    if (icon && icon.getAttribute("href") !== this.dataset.icon) icon.href = this.dataset.icon;
  }
}

customElements.define("run-title", RunTitle);
