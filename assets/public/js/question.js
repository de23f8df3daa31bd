// A question of the page's own, to be answered before anything else. The browser keeps the focus in the box, closes it by
// Escape, which is a no, and gives the focus back to what had it.
import { $ } from "./dom.js";

// Whether the visitor says yes, by a button that says what is done then.
export function ask({ title, question, yes }) {
  const box = $("sure-box");
  $("sure-title").textContent = title;
  $("sure-question").textContent = question;
  $("sure-yes").textContent = yes;
  box.returnValue = "";
  box.showModal();
  return new Promise((answer) => box.addEventListener("close", () => answer(box.returnValue === "yes"), { once: true }));
}
