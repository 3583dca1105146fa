// A progress bar, opened: each state that it went through, a thousand at a time.
export async function toggle(log, row, button) {
  const open = row.querySelector(".states");
  button.ariaExpanded = String(!open);
  if (open) {
    open.remove();
    return;
  }
  const list = document.createElement("span");
  list.className = "states";
  row.append(list);
  await more(log, list, row.dataset.n);
}

async function more(log, list, line) {
  const shown = list.querySelectorAll(".st").length;
  const answer = await fetch(log.part(`states/${line}/?from=${shown}`)).catch(() => null);
  if (!answer?.ok) return;
  list.querySelector(".ups")?.remove();
  list.insertAdjacentHTML("beforeend", await answer.text());
  const left = Number(answer.headers.get("Runyard-States")) - list.querySelectorAll(".st").length;
  if (left <= 0) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "ups";
  button.dataset.said = button.ariaLabel = `${left.toLocaleString("en")} more`;
  button.addEventListener("click", () => more(log, list, line));
  list.append(button);
}
