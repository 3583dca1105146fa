// What every page loads; each import defines a custom element or listens to the page. What only
// some pages need is a module that they name themselves, in their block `modules`.
import "./theme-toggle.js";
import "./time-ago.js";
import "./copy-button.js";
import "./live-socket.js";
import "./toast-note.js";
import "./shortcuts.js";

// who asked this browser for notifications gets the module that shows them
if (localStorage.getItem("runyard-notices") === "on") import("./run-notices.js");
