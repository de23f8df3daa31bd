// The photos of the batch as tiles. Of thousands only those in sight, and the one that the keyboard is at, are in the page.
import { $, make, root, write } from "./dom.js";
import { batch, changed, filters, onBatch, shownItems } from "./batch_state.js";
import { drawTile, makeTile } from "./batch_tile.js";
import { onTab } from "./shell.js";
import { onSpeak, say } from "./words.js";

const GAP = 14; // pixels
const LEAST = 136; // of the width of a tile
const WIDE = 184; // the same where there is room
const WORDS = 66; // below the picture
const BEYOND = 2; // rows above and below what is in sight

const tiles = new Map(); // by number
let current = null; // the number of the tile that keys lead to
let currentAt = 0; // and its place
let does = null;

const list = () => $("batch-list");

// ---- where each tile stands -----------------------------------------------------------------------------------------

function measure() {
  const width = list().clientWidth;
  const columns = Math.max(1, Math.floor((width + GAP) / ((width < 600 ? LEAST : WIDE) + GAP)));
  const side = Math.floor((width - GAP * (columns - 1)) / columns);
  return { columns, side, step: side + WORDS + GAP };
}

function rangeInSight({ columns, step }, count) {
  const above = -list().getBoundingClientRect().top;
  const first = Math.floor(above / step) - BEYOND;
  const last = Math.ceil((above + innerHeight) / step) + BEYOND;
  return [Math.max(0, first * columns), Math.min(count, last * columns)];
}

function place(tile, at, { columns, side, step }) {
  Object.assign(tile.style, { width: `${side}px`, height: `${side + WORDS}px` });
  tile.style.translate = `${(at % columns) * (side + GAP)}px ${Math.floor(at / columns) * step}px`;
}

// ---- drawing --------------------------------------------------------------------------------------------------------

function draw() {
  if (root.dataset.tab !== "batch" || !batch.status) return;
  drawFilters();
  const items = shownItems();
  const layout = measure();
  list().style.height = `${Math.max(0, Math.ceil(items.length / layout.columns) * layout.step - GAP)}px`;
  write($("batch-none"), items.length ? "" : say(batch.filter === "all" ? "page.batch.none" : `page.batch.none.${batch.filter}`));
  $("batch-none").hidden = items.length > 0;
  const [first, last] = rangeInSight(layout, items.length);
  const at = items.findIndex(({ number }) => number === current);
  currentAt = at >= 0 ? at : Math.max(0, Math.min(currentAt, items.length - 1)); // its neighbour, once it is gone
  current = items[currentAt]?.number ?? null;
  const wanted = items.map((item, index) => [index, item]).filter(([index, { number }]) => (index >= first && index < last) || number === current);
  drawWanted(wanted, items.length, layout);
}

function drawWanted(wanted, count, layout) {
  const numbers = new Set(wanted.map(([, { number }]) => number));
  const gone = [...tiles].filter(([number]) => !numbers.has(number));
  const hadFocus = gone.some(([, tile]) => tile.contains(document.activeElement));
  for (const [number, tile] of gone) removeTile(number, tile);
  let next = list().firstElementChild;
  for (const [at, item] of wanted) {
    const tile = tiles.get(item.number) ?? makeTile(item.number, does);
    tiles.set(item.number, tile);
    if (tile === next) next = tile.nextElementSibling;
    else list().insertBefore(tile, next);
    tile.setAttribute("aria-posinset", at + 1);
    tile.setAttribute("aria-setsize", count);
    drawTile(tile, item);
    place(tile, at, layout);
    letTab(tile, item.number === current);
  }
  if (hadFocus) (tiles.get(current)?.querySelector(".tile-open") ?? $("batch-title")).focus();
}

function removeTile(number, tile) {
  tile.remove();
  tiles.delete(number);
}

// Tab goes to one tile and its buttons, arrows from tile to tile.
function letTab(tile, allowed) {
  for (const each of tile.querySelectorAll("button, a")) each.tabIndex = allowed ? 0 : -1;
}

function drawFilters() {
  const { total, looks, failed } = batch.status.counts;
  const counts = { all: total, looks, failed };
  for (const chip of $("batch-filters").children) {
    const { filter } = chip.dataset;
    write(chip, say(`page.batch.filter.${filter}`, { count: counts[filter].toLocaleString(root.lang) }));
    chip.setAttribute("aria-pressed", filter === batch.filter);
  }
}

function addFilters() {
  $("batch-filters").replaceChildren(...filters.map((filter) => {
    const chip = make("button", { type: "button", className: "chip" });
    chip.dataset.filter = filter;
    chip.addEventListener("click", () => {
      batch.filter = filter;
      changed();
    });
    return chip;
  }));
}

// ---- keys -----------------------------------------------------------------------------------------------------------

function goTo(number) {
  current = number;
  draw();
  const tile = tiles.get(number);
  tile?.querySelector(".tile-open").focus({ preventScroll: true });
  tile?.scrollIntoView({ block: "nearest" });
}

function stepByKey(event) {
  if (!event.target.matches(".tile-open") || event.altKey || event.ctrlKey || event.metaKey) return;
  const { columns, step } = measure();
  const page = columns * Math.max(1, Math.floor(innerHeight / step));
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity }[event.key];
  if (!by) return;
  event.preventDefault();
  const items = shownItems();
  const at = items.findIndex(({ number }) => number === current);
  goTo(items[Math.min(Math.max(at + by, 0), items.length - 1)].number);
}

function follow({ target }) {
  const tile = target.closest(".tile");
  if (!tile || Number(tile.dataset.number) === current) return;
  current = Number(tile.dataset.number);
  for (const [number, each] of tiles) letTab(each, number === current);
}

// To a tile that the visitor comes back to.
export function showTile(number) {
  if (!shownItems().some((item) => item.number === number)) batch.filter = "all";
  goTo(number);
  tiles.get(number)?.scrollIntoView({ block: "center" });
}

export function beginList(act) {
  does = act;
  addFilters();
  onBatch(draw);
  onTab(draw);
  onSpeak(draw);
  addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(changed).observe(list());
  list().addEventListener("keydown", stepByKey);
  list().addEventListener("focusin", follow);
}
