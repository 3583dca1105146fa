// What every page loads; each import defines a custom element or listens to the page. What only
// some pages need is a module that they name themselves, in their block `modules`.
import "./theme-toggle.js";
import "./time-ago.js";
import "./copy-button.js";
import "./live-socket.js";
import "./toast-note.js";
import "./shortcuts.js";

// on a phone the strips of links are wider than the page: show where one is
for (const here of document.querySelectorAll(".tabs [aria-current], .topbar nav [aria-current]")) {
  const [tab, strip] = [here, here.parentElement].map((element) => element.getBoundingClientRect());
  here.parentElement.scrollLeft += tab.left + tab.width / 2 - strip.left - strip.width / 2;
}

// who asked this browser for notifications gets the module that shows them
if (localStorage.getItem("runyard-notices") === "on") import("./run-notices.js");
