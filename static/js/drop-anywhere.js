// Files dropped on the frame, or anywhere on a page whose form says `data-drop-anywhere`.
export function dropAnywhere(form, frame, take) {
  const place = "dropAnywhere" in form.dataset ? document : frame;
  const holdsFiles = (event) => !event.dataTransfer || event.dataTransfer.types.includes("Files");
  let inside = 0; // of elements within each other: only leaving the outermost one counts
  const mark = (change) => {
    inside = Math.max(0, change);
    frame.classList.toggle("over", inside > 0);
    document.documentElement.toggleAttribute("data-dropping", inside > 0 && place === document);
  };
  const events = {
    dragenter: (event) => holdsFiles(event) && mark(inside + 1),
    dragleave: (event) => holdsFiles(event) && mark(inside - 1),
    dragover: (event) => holdsFiles(event) && event.preventDefault(),
    drop: (event) => {
      mark(0);
      if (!holdsFiles(event)) return;
      event.preventDefault();
      take(event.dataTransfer);
    },
  };
  for (const [name, work] of Object.entries(events)) place.addEventListener(name, work, true);
  return () => Object.entries(events).forEach(([name, work]) => place.removeEventListener(name, work, true));
}
