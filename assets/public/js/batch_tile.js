// One photo of the batch: its cut-out, its name, how far it is, and what can be done with it.
import { $, write } from "./dom.js";
import { needsLook } from "./batch_state.js";
import { close, isOpen, open } from "./popover.js";
import { now } from "./state.js";
import { say } from "./words.js";

const sentences = (item) => (item.told?.[now.language] ?? []).join(" ");
const hasOwn = ({ options, beside }) => Object.keys(options).length > 0 || "background_image" in beside;
const isTouched = ({ beside }) => "marks" in beside || "trimap" in beside;

function describe(item) {
  if (item.state !== "done") return say(`page.batch.item.${item.state}`);
  const facts = needsLook(item) ? sentences(item) : say("page.size", item);
  const [own, touched] = [hasOwn(item) && say("page.batch.item.own"), isTouched(item) && say("page.batch.item.touched")];
  return [facts, own, touched].filter(Boolean).join(" · ");
}

const nameOf = (item) => item.name.split("/").pop();

// `does` is called with what is wanted, open, retry or remove, and the number of the photo.
export function makeTile(number, does) {
  const tile = $("tile").content.firstElementChild.cloneNode(true);
  tile.dataset.number = number;
  const [actions, more] = [tile.querySelector(".tile-actions"), tile.querySelector(".tile-more")];
  actions.id = `tile-actions-${number}`;
  more.setAttribute("aria-controls", actions.id);
  more.addEventListener("click", () => isOpen(actions) ? close(actions) : open(actions, more));
  tile.querySelector(".tile-open").addEventListener("click", () => does("open", number));
  for (const action of actions.children) {
    action.addEventListener("click", () => {
      close(actions);
      if (action.dataset.does !== "download") does(action.dataset.does, number);
    });
  }
  return tile;
}

// The address changes with the picture, or the browser would show what it has.
const addressOf = (item) => `${item.thumbnail}?${item.revision}`;

function drawPicture(tile, item) {
  const image = tile.querySelector("img");
  const shown = item.state === "done" && item.thumbnail ? addressOf(item) : "";
  image.hidden = !shown;
  if (shown && image.getAttribute("src") !== shown) image.src = shown;
  write(tile.querySelector(".tile-why"), item.state === "failed" ? sentences(item) : "");
}

function drawActions(tile, item) {
  const isThere = { open: true, retry: item.state === "failed" || needsLook(item), download: item.cutout !== null, remove: true };
  for (const action of tile.querySelectorAll("[data-does]")) {
    const { does } = action.dataset;
    if (!isThere[does] && action === document.activeElement) tile.querySelector(".tile-open").focus();
    action.hidden = !isThere[does];
    action.title = say(`page.batch.item.does.${does}`);
    action.lastElementChild.textContent = action.title;
    action.setAttribute("aria-label", `${action.title}: ${item.name}`);
  }
  const link = tile.querySelector("a");
  if (item.cutout) link.href = item.cutout;
  link.download = item.file ?? "";
  tile.querySelector(".tile-more").setAttribute("aria-label", say("page.batch.item.more", { name: item.name }));
}

// In place, so that what has the focus keeps it; and only what has changed.
export function drawTile(tile, item) {
  const shown = `${now.language} ${item.revision}`;
  if (tile.dataset.shown === shown) return;
  tile.dataset.shown = shown;
  tile.dataset.state = needsLook(item) ? "looks" : item.state;
  const state = describe(item);
  write(tile.querySelector(".tile-name"), nameOf(item));
  write(tile.querySelector(".tile-state"), state);
  tile.querySelector(".tile-name").title = item.name;
  tile.querySelector(".tile-state").title = state;
  tile.querySelector(".tile-open").setAttribute("aria-label", say("page.batch.item.open", { name: item.name, state }));
  drawPicture(tile, item);
  drawActions(tile, item);
}
