// <variable-rows>: a textarea of NAME=value lines as rows of two fields. The textarea stays what is
// sent, and can be typed into again.
const SECRET = /TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL/i;

class VariableRows extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    this.rows = document.createElement("div");
    this.rows.className = "variables";
    this.rows.addEventListener("input", () => this.write());
    this.rows.addEventListener("keydown", (event) => event.key === "Enter" && !event.ctrlKey && !event.metaKey && this.enter(event));
    const bar = document.createElement("p");
    bar.className = "variables-bar small";
    this.toggle = this.button("Type them as text", () => this.swap());
    bar.append(this.button("Add a variable", () => this.add("", "").focus()), this.toggle);
    this.adder = bar.firstChild;
    this.area.before(this.rows);
    this.area.after(bar);
    this.swap();
  }

  button(text, work, label = "") {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "btn";
    made.textContent = text;
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", work);
    return made;
  }

  swap() {
    const asRows = !this.area.hidden;
    if (asRows) this.read();
    this.area.hidden = asRows;
    this.rows.hidden = this.adder.hidden = !asRows;
    this.toggle.textContent = asRows ? "Type them as text" : "As rows";
  }

  read() {
    this.rows.replaceChildren();
    for (const line of this.area.value.split("\n").filter((line) => line.trim())) {
      const at = line.indexOf("=");
      this.add(at < 0 ? line : line.slice(0, at), at < 0 ? "" : line.slice(at + 1));
    }
  }

  add(name, value) {
    const row = document.createElement("div");
    const [first, second] = [["Name", name], ["Value", value]].map(([label, text]) => {
      const field = document.createElement("input");
      Object.assign(field, { value: text, placeholder: label.toLowerCase(), ariaLabel: label, autocomplete: "off", spellcheck: false });
      field.className = "form-control mono";
      return field;
    });
    const hide = () => (second.type = SECRET.test(first.value) ? "password" : "text");
    first.addEventListener("input", hide);
    hide();
    row.append(first, second, this.button("×", () => (row.remove(), this.write()), "Remove"));
    this.rows.append(row);
    return first;
  }

  enter(event) {
    event.preventDefault();
    this.add("", "").focus();
  }

  write() {
    const lines = Array.from(this.rows.children, (row) => Array.from(row.querySelectorAll("input"), ({ value }) => value));
    this.area.value = lines.filter(([name, value]) => name || value).map(([name, value]) => `${name.trim()}=${value}`).join("\n");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

customElements.define("variable-rows", VariableRows);
