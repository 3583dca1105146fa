// A button that goes round: system, light, dark. The choice is a cookie, so that the server
// writes it into the next page and nothing flashes.
const NEXT = { system: "light", light: "dark", dark: "system" };
const SIGN = { system: "◐", light: "○", dark: "●" };

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
    this.button.textContent = SIGN[theme];
    this.button.title = `Theme: ${theme}`;
    this.button.ariaLabel = `Theme: ${theme}. Change it.`;
  }
}

customElements.define("theme-toggle", ThemeToggle);
