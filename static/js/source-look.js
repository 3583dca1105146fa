// An archive that was chosen is sent at once, and a repository is fetched when asked for, so that
// the page can look into them. The hidden field `looked` has the name of the snapshot then.
const GIT = ["git", "git_ref", "git_folder", "git_credential"];

let looker;

export function look(form, url) {
  looker ??= new Looker(form, url);
}

class Looker {
  constructor(form, url) {
    this.form = form;
    this.url = url;
    this.field = form.elements.looked;
    this.state = form.querySelector("[data-look-state]");
    form.addEventListener("change", ({ target }) => {
      if (target.name === "zip") this.take(target.files.length ? "Reading the archive…" : "");
      if (target.name === "source") this.forget();
    });
    form.addEventListener("input", ({ target }) => GIT.includes(target.name) && this.forget());
    this.addButton();
  }

  addButton() {
    const git = this.form.querySelector(".only-git");
    if (!git) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = "Fetch it now to look into it";
    button.addEventListener("click", () => this.take("Fetching the repository…"));
    git.append(button);
  }

  forget() {
    this.asking?.abort();
    this.set("");
    this.say("");
  }

  async take(text) {
    this.forget();
    if (!text) return;
    this.say(text);
    this.asking = new AbortController();
    try {
      const body = new FormData(this.form);
      const answer = await fetch(this.url, { method: "POST", body, signal: this.asking.signal });
      const { digest, files, problems } = await answer.json();
      if (digest) this.set(digest);
      this.say(digest ? `Snapshot ${digest.slice(0, 12)}: ${files} file${files === 1 ? "" : "s"}.` : Object.values(problems)[0], !digest);
    } catch (error) {
      if (error.name !== "AbortError") this.say("It could not be looked into: submit it, or try again.", true);
    }
  }

  set(digest) {
    if (this.field.value === digest) return;
    this.field.value = digest;
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  say(text, isProblem = false) {
    this.state.textContent = text;
    this.state.hidden = !text;
    this.state.classList.toggle("problem", isProblem);
  }
}
