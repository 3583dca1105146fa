// The one module that pages load; each import defines a custom element.
import "./theme-toggle.js";
import "./time-ago.js";
import "./copy-button.js";
import "./phase-bar.js";
import "./live-socket.js";
import "./run-rows.js";
import "./run-log.js";
import "./run-notices.js";
import "./folder-upload.js";
import "./folder-picker.js";
