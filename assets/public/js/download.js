// Taking the result along: downloaded at full size, or copied.
import { $, root, showNotice } from "./dom.js";
import { labelDownload } from "./stage.js";
import { now } from "./state.js";
import { say, sayError } from "./words.js";

const COPIED_FOR = 2000; // milliseconds
const settlers = []; // end what is under way on the picture, and tell whether another result is on its way
let result = null; // renew, whenOver: promises of whether there is one, made once more or once the work is over

export function beforeTaking(settles) {
  settlers.push(settles);
}

export function connectResult(promises) {
  result = promises;
}

// The full size is made first, so that what goes wrong is said here and not in a broken file.
async function download(event) {
  const link = $("download");
  event.preventDefault();
  if (link.ariaDisabled) return;
  link.textContent = say("page.preparing");
  if (!await waitForBetter()) return labelDownload();
  const chosen = Object.assign(document.createElement("a"), { href: link.href, download: link.download });
  try {
    const answer = await fetch(`${chosen.href}?prepare=true`);
    if (answer.ok) chosen.click(); // what was on the screen when it was asked for, whatever has come since
    else await refuse(await answer.json(), link);
  } catch {
    showNotice(say("page.lost"), "error");
  }
  labelDownload();
}

// What is taken along is the better result, or that of the last stroke, where one is on its way.
async function waitForBetter() {
  const settle = () => settlers.map((settles) => settles()).some(Boolean);
  while (settle() || root.hasAttribute("data-early")) if (!await result.whenOver()) return false;
  return true;
}

// A result that is no longer kept is made once more, and `button` pressed again.
export async function refuse(error, button) {
  if (error.code === "expired" && await result.renew()) button.click();
  else showNotice(sayError(error), "error");
}

// Where there is nothing to take along, both say so and do nothing.
export function allowDownload(allowed) {
  const [link, button] = [$("download"), $("copy")];
  button.disabled = !allowed;
  link.ariaDisabled = allowed ? null : "true";
  for (const each of [link, button]) {
    each.title = allowed ? "" : say("page.nothing.download");
    if (allowed) each.removeAttribute("aria-describedby");
    else each.setAttribute("aria-describedby", "no-download");
  }
}

async function copy() {
  const button = $("copy");
  let refused = null;
  button.textContent = say("page.copying");
  try {
    const picture = waitForBetter().then(() => fetch(now.result.close)).then(async (answer) => {
      if (answer.ok) return answer.blob();
      refused = await answer.json();
      throw refused;
    });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
    button.textContent = say("page.copied");
    setTimeout(() => { button.textContent = say("page.copy"); }, COPIED_FOR);
  } catch {
    button.textContent = say("page.copy");
    if (refused) await refuse(refused, button);
    else showNotice(say("page.copy_failed"));
  }
}

export function beginDownload() {
  $("copy").addEventListener("click", copy);
  $("download").addEventListener("click", download);
}
