// Charts or table: both are there, and two buttons say which one is seen.
export function setUpViews(board, form) {
  const { charts, table } = form.elements;
  const show = (view) => {
    board.dataset.view = view;
    charts.setAttribute("aria-pressed", view === "charts");
    table.setAttribute("aria-pressed", view === "table");
  };
  charts.addEventListener("click", () => show("charts"));
  table.addEventListener("click", () => show("table"));
  form.addEventListener("submit", (event) => event.preventDefault());
  show("charts");
}

const COLUMNS_STEP = 200; // charts of nearly one width ask for the same

export function columnsOf(host) {
  const columns = Math.ceil((host.clientWidth * devicePixelRatio) / COLUMNS_STEP);
  return Math.max(1, columns) * COLUMNS_STEP;
}
