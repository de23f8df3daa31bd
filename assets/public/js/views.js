// Ways of looking at the result, in a small menu: before and after, its mask, its real pixels.
import { $, root, showNotice } from "./dom.js";
import { close, isOpen, open } from "./popover.js";
import { now } from "./state.js";
import { say, sayError } from "./words.js";

const radioOf = (view) => document.querySelector(`input[name=view][value=${view}]`);

function lookAt(view) {
  if (view === "close") return closeUp();
  if (isClose()) leave();
  root.dataset.view = view;
  showMatte();
}

function showMatte() {
  const matte = $("matte");
  const wanted = root.dataset.view === "matte" && now.result;
  if (wanted && matte.getAttribute("src") !== now.result.matte) matte.src = now.result.matte;
  matte.hidden = !wanted;
}

// ---- real pixels ----------------------------------------------------------------------------------------------------

const isClose = () => !$("closeup").hidden;

async function closeUp(at = { x: 0.5, y: 0.5 }) {
  if ($("view").classList.contains("working")) return;
  const { result } = now;
  const box = $("closeup");
  const image = box.querySelector("img");
  radioOf("close").checked = true;
  $("view").classList.add("working");
  try {
    const answer = await fetch(result.close);
    if (!answer.ok) throw await answer.json();
    const address = URL.createObjectURL(await answer.blob());
    image.onload = () => URL.revokeObjectURL(address);
    image.src = address;
    await image.decode();
    if (now.result !== result) return leave();
    const density = window.devicePixelRatio || 1;
    image.style.width = `${image.naturalWidth / density}px`;
    close($("views"));
    box.hidden = false;
    box.scrollLeft = at.x * box.scrollWidth - box.clientWidth / 2;
    box.scrollTop = at.y * box.scrollHeight - box.clientHeight / 2;
    box.focus({ preventScroll: true });
  } catch (error) {
    leave();
    showNotice(error?.code ? sayError(error) : say("page.lost"), "error");
  } finally {
    $("view").classList.remove("working");
  }
}

function leave() {
  $("closeup").hidden = true;
  $("closeup").querySelector("img").removeAttribute("src");
  radioOf(root.dataset.view).checked = true;
}

function drag(event) {
  if (event.button !== 0 || event.pointerType === "touch") return;
  const box = $("closeup");
  const from = { x: event.clientX + box.scrollLeft, y: event.clientY + box.scrollTop };
  const move = ({ clientX, clientY }) => { box.scrollLeft = from.x - clientX; box.scrollTop = from.y - clientY; };
  const end = () => { box.removeEventListener("pointermove", move); box.removeEventListener("pointerup", end); };
  box.setPointerCapture(event.pointerId);
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", end);
}

// Something new is shown.
export function renewView() {
  showMatte();
  if (isClose()) leave();
}

export function beginViews() {
  for (const radio of document.querySelectorAll("input[name=view]")) radio.addEventListener("change", () => lookAt(radio.value));
  $("view").addEventListener("click", () => isOpen($("views")) ? close($("views")) : open($("views"), $("view")));
  $("views").addEventListener("keydown", ({ key }) => { if (key === "Enter") close($("views"), true); });
  $("views").addEventListener("click", ({ target, detail }) => { if (detail && target.matches("input")) close($("views"), true); });
  $("split").addEventListener("dblclick", (event) => {
    const box = $("frame").getBoundingClientRect();
    closeUp({ x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height });
  });
  $("closeup").addEventListener("dblclick", leave);
  $("closeup").addEventListener("pointerdown", drag);
  $("closeup").addEventListener("keydown", (event) => { if (event.key === "Escape") { leave(); $("view").focus(); } });
  lookAt("both");
}
