// The frame around one chart: its name, what is under the cursor, and what can be done with it.
const DRAWINGS = {
  pin: '<path d="M6 2h4l-.6 5 2.6 2v1.4H4V9l2.6-2zM8 10.4V14"/>',
  full: '<path d="M2.5 6v-3.5h3.5M10 2.5h3.5v3.5M13.5 10v3.5h-3.5M6 13.5h-3.5v-3.5"/>',
  picture: '<path d="M2.5 3h11v10h-11z"/><path d="m3 11 3-3 2.5 2.5L11 7l2.5 3"/>',
  table: '<path d="M8 2v7.5M5 6.800 8 9.800l3-3M2.5 13.5h11"/>',
};
let numbers = 0;

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function action(kind, title, press) {
  const button = make("button", "chart-action");
  button.type = "button";
  button.innerHTML = `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${DRAWINGS[kind]}</svg>`;
  button.title = button.ariaLabel = title;
  button.addEventListener("click", () => press(button));
  return button;
}

function save(url, name) {
  const link = make("a");
  link.href = url;
  link.download = name;
  link.click();
}

export class ChartCard {
  constructor({ name, title = name, exportUrl, file }) {
    this.name = name;
    this.title = title;
    this.file = file;
    this.element = make("section", "card chart-card");
    this.element.dataset.name = name;
    this.readout = make("span", "readout");
    this.host = make("div", "chart");
    this.host.tabIndex = 0;
    this.host.setAttribute("role", "group");
    this.note = make("p", "chart-note");
    this.note.hidden = true;
    this.spoken = make("p", "visually-hidden");
    this.spoken.setAttribute("aria-live", "polite");
    this.actions = make("span", "chart-actions");
    if (exportUrl) this.actions.append(action("table", `Download ${title} as CSV`, () => save(exportUrl, "")));
    this.actions.append(
      action("picture", `Save ${title} as a picture`, () => this.savePicture()),
      action("full", `${title} on the full screen`, () => this.fullScreen()),
    );
    const heading = make("h3", "mono", title);
    heading.id = `chart-${++numbers}`;
    heading.title = title;
    this.element.setAttribute("aria-labelledby", heading.id);
    const header = make("header");
    header.append(heading, this.actions, this.readout);
    this.element.append(header, this.host, this.note, this.spoken);
  }

  addAction(kind, title, press) {
    const button = action(kind, title, press);
    this.actions.prepend(button);
    return button;
  }

  describe(summary) {
    this.summary = summary;
    this.host.ariaLabel = `${this.title}: ${summary}. Arrow keys move along the curve, the table has all values.`;
    if (!this.isTold) this.readout.textContent = summary;
  }

  told(said) {
    this.isTold = Boolean(said);
    const text = said ? `${said.place}: ${said.values.join(" · ")}${said.spread}` : this.summary;
    if (this.readout.textContent !== text) this.readout.textContent = text;
  }

  say(sentence) {
    this.note.hidden = !sentence;
    this.note.textContent = sentence;
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen?.();
  }

  // A chart that is still on its way is saved when it is there.
  async savePicture() {
    this.isPictureDue = !this.chart?.plot;
    if (this.isPictureDue) return this.say("It is saved as soon as it is drawn.");
    const url = URL.createObjectURL(await this.chart.picture(this.title));
    save(url, `${this.file}-${this.name.replace(/[^\w.-]+/g, "-")}.png`);
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  remove() {
    this.chart?.destroy();
    this.element.remove();
  }
}
