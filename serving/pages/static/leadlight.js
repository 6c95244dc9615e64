// Everything works without this file. It only tells what went wrong while htmx was sending a form.
"use strict";

document.addEventListener("htmx:afterSwap", (event) => {
  const sender = event.detail.requestConfig.elt;
  if (event.detail.xhr.status >= 400 || !sender.matches("form")) return;
  sender.reset();
  const open = sender.closest("#decide details[open]");
  if (open) open.open = false;
});

document.addEventListener("htmx:responseError", (event) => {
  // Signed out, or the key was revoked: the page itself knows where to go.
  if (event.detail.xhr.status === 401) window.location.reload();
  else tell("That was not recorded. Please try again.");
});

document.addEventListener("htmx:sendError", () => tell("The service could not be reached; nothing was recorded."));

function tell(words) {
  const place = document.getElementById("feedback") || document.getElementById("main");
  const line = document.createElement("p");
  line.className = "problem";
  line.setAttribute("role", "alert");
  line.textContent = words;
  place.prepend(line);
}
