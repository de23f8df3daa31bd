// Ways of looking at the result, in a small menu: before and after, its mask, its real pixels.
import { $, root } from "./dom.js";
import { close, isOpen, open } from "./popover.js";
import { now } from "./state.js";
import { hasRealPixels, renewZoom, showRealPixels } from "./zoom.js";

function lookAt(view) {
  root.dataset.view = view;
  renewView(true);
}

function showMatte() {
  const matte = $("matte");
  const wanted = root.dataset.view === "matte" && now.result;
  if (wanted && matte.getAttribute("src") !== now.result.matte) matte.src = now.result.matte;
  matte.hidden = !wanted;
}

// Something new is shown; of the same size as before, or not.
export function renewView(isSame) {
  showMatte();
  renewZoom(isSame);
}

function openViews() {
  $("real-pixels").disabled = !hasRealPixels();
  open($("views"), $("view"));
}

export function beginViews() {
  for (const radio of document.querySelectorAll("input[name=view]")) radio.addEventListener("change", () => lookAt(radio.value));
  $("view").addEventListener("click", () => isOpen($("views")) ? close($("views")) : openViews());
  $("views").addEventListener("keydown", ({ key, target }) => { if (key === "Enter" && target.matches("input")) close($("views"), true); });
  $("views").addEventListener("click", ({ target, detail }) => { if (detail && target.matches("input")) close($("views"), true); });
  $("real-pixels").addEventListener("click", () => {
    close($("views"));
    showRealPixels();
    $("split").focus({ preventScroll: true });
  });
  lookAt("both");
}
