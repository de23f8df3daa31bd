// Small boxes that open beside what they belong to, where there is room, and close by Escape or by a press elsewhere.

const opened = new Map(); // box → what it belongs to, which hears of its end

export const isOpen = (box) => !box.hidden;

export function close(box, refocus = false) {
  if (box.hidden) return;
  const { anchor, onClose } = opened.get(box);
  const inside = box.contains(document.activeElement);
  box.hidden = true;
  opened.delete(box);
  if (anchor.ariaExpanded) anchor.ariaExpanded = "false";
  if (refocus || inside) anchor.focus();
  onClose?.();
}

// Above its anchor unless there is more room below.
export function open(box, anchor, onClose) {
  for (const other of [...opened.keys()]) close(other);
  opened.set(box, { anchor, onClose });
  box.hidden = false;
  if (anchor.ariaExpanded) anchor.ariaExpanded = "true"; // a radio button has no such state
  const { top, bottom } = anchor.getBoundingClientRect();
  const tall = box.offsetHeight + 8;
  box.classList.toggle("under", top < tall && innerHeight - bottom > top);
  (box.querySelector("input:checked") ?? box.querySelector("input, button:enabled"))?.focus({ preventScroll: true });
}

export function beginPopovers() {
  document.addEventListener("pointerdown", ({ target }) => {
    for (const [box, { anchor }] of [...opened]) {
      if (!box.contains(target) && !(anchor.closest("label") ?? anchor).contains(target)) close(box);
    }
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !opened.size) return;
    event.stopImmediatePropagation(); // it means the box alone
    for (const box of [...opened.keys()]) close(box, true);
  }, true);
  document.addEventListener("focusin", ({ target }) => {
    for (const [box, { anchor }] of [...opened]) if (target !== anchor && !box.contains(target)) close(box);
  });
}
