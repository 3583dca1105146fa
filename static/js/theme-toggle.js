// A button that goes round: system, light, dark. The choice is a cookie, so that the server
// writes it into the next page and nothing flashes.
const NEXT = { system: "light", light: "dark", dark: "system" };
const DRAWING = {
  system: '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" stroke="none"/>',
  light: '<circle cx="8" cy="8" r="3"/><path d="M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1"/>',
  dark: '<path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z"/>',
};

class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.choose(NEXT[this.current()]));
    this.replaceChildren(this.button);
    this.show();
  }

  current() {
    return document.documentElement.dataset.theme ?? "system";
  }

  choose(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    this.show();
  }

  show() {
    const theme = this.current();
    this.button.innerHTML = `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${DRAWING[theme]}</svg>`;
    this.button.title = `Theme: ${theme}`;
    this.button.ariaLabel = `Theme: ${theme}. Change it.`;
  }
}

customElements.define("theme-toggle", ThemeToggle);
