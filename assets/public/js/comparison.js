// The comparison: the chosen photo through two to four installed models, side by side; one of them can be kept.
import { compareModels, stopWork } from "./bridge.js";
import { $, announce, make, makeChip, root } from "./dom.js";
import { makeOffer, modelToOffer, moveOffer } from "./offer.js";
import { onModels, onUse } from "./models.js";
import { disregardWork, onArrival, onMessage, receive, render } from "./photo.js";
import { facts, installedModels, isWorking, now } from "./state.js";
import { onSpeak, say, sayError, sayTime, titleOf } from "./words.js";

const LEAST = 2;
let chosen = [];
let left = null; // the message that was shown before the comparison

const isComparing = () => Boolean(now.message?.comparing) && isWorking();

function open() {
  left = now.message;
  root.dataset.state = "comparing";
  begin();
  $("compare-title").focus();
}

function begin() {
  const here = installedModels().map((model) => model.name);
  chosen = chosen.filter((name) => here.includes(name));
  if (chosen.length < LEAST) chosen = here.slice(0, 3);
  $("tiles").replaceChildren();
  draw();
  if (isEnough()) compareModels();
  else drawOffer();
}

const isEnough = () => installedModels().length >= LEAST;

// The one result that there is, and beside it a second model to fetch, if there is one and the visitor may.
function drawOffer() {
  const model = facts.mayManage ? modelToOffer() : null;
  const one = { ...now.result, model: now.result.options.model, network_seconds: null };
  const tile = makeTile(one);
  tile.querySelector(".keep-it").remove();
  $("tiles").replaceChildren(tile, ...(model ? [makeOffer(model)] : []));
}

// While a second model comes, and once it has come.
function followOffer() {
  if (root.dataset.state !== "comparing" || !$("tiles").querySelector(".offer")) return;
  if (isEnough()) begin();
  else moveOffer($("tiles").querySelector(".offer"));
}

function sayHint() {
  if (isEnough()) return say("page.compare.hint", { most: facts.mostCompared });
  return say(facts.mayManage ? "page.compare.too_few" : "page.compare.ask_owner");
}

function draw() {
  const enough = isEnough();
  $("compare-hint").textContent = sayHint();
  $("compare-choice").replaceChildren(...(enough ? installedModels() : []).map(({ name }) => {
    const chip = makeChip(titleOf(name), () => toggle(name));
    chip.setAttribute("aria-pressed", chosen.includes(name));
    return chip;
  }));
  $("compare-run").disabled = chosen.length < LEAST || isComparing();
  $("compare-run").hidden = !enough;
}

function toggle(name) {
  if (chosen.includes(name)) chosen = chosen.filter((each) => each !== name);
  else chosen = [...chosen, name].slice(-facts.mostCompared);
  draw();
  [...$("compare-choice").children].find((chip) => chip.textContent === titleOf(name))?.focus();
}

function makeTile(result) {
  const { model, state, network_seconds: seconds } = result;
  const time = state === "done" ? sayTime(seconds) : "";
  const figure = make("figure", {}, state === "done" ? makePicture(result) : makeState(result),
    make("figcaption", {}, make("strong", { textContent: titleOf(model) }), make("span", { textContent: time })),
    state === "done" ? makeKeepButton(result) : null);
  figure.dataset.model = model;
  figure.dataset.state = state;
  return figure;
}

function makePicture({ model, after, width, height }) {
  const image = make("img", { src: after, alt: `${say("page.after_alt")}: ${titleOf(model)}` });
  const frame = make("div", { className: "tile-frame board" }, image);
  frame.style.aspectRatio = `${width} / ${height}`;
  return frame;
}

function makeState({ state, ...error }) {
  const text = state === "error" ? sayError(error) : say(state === "waiting" ? "page.step.waiting" : "page.step.finding");
  return make("div", { className: "tile-frame board" }, make("p", { textContent: text }));
}

function makeKeepButton(result) {
  const keep = make("button", { type: "button", className: "quiet keep-it", textContent: say("page.compare.keep") });
  keep.setAttribute("aria-label", `${keep.textContent}: ${titleOf(result.model)}`);
  keep.addEventListener("click", () => keepResult(result));
  return keep;
}

// What the server says of it: tiles that fill one by one.
function renderTiles(message) {
  if (!message.comparing || message.state === "error") return;
  draw();
  const drawn = $("tiles").dataset.tiles;
  const next = JSON.stringify([now.language, message.tiles ?? []]);
  if (drawn === next && $("tiles").children.length) return;
  $("tiles").dataset.tiles = next;
  $("tiles").replaceChildren(...(message.tiles ?? []).map(makeTile));
  announce((message.tiles ?? []).filter(({ state }) => state === "done").map(sayTile).join(", "));
}

const sayTile = ({ model, network_seconds: seconds }) => [titleOf(model), sayTime(seconds)].filter(Boolean).join(" ");

function keepResult(result) {
  disregardWork();
  const kept = { ...result, state: "done", run: now.run, photo: now.photo.id, behind: now.message.behind };
  receive(kept);
  now.result = kept;
  stopWork();
  $("download").focus();
}

// Back to what was shown before. The caller stops the work that is under way, or asks for other work.
function leaveComparison() {
  if (isComparing()) disregardWork();
  now.message = now.result ?? left;
  if (now.message) render(now.message);
}

function close() {
  if (isComparing()) stopWork();
  leaveComparison();
  $("compare-open").focus();
}

// Gradio asks when a comparison is begun.
export function modelsToCompare() {
  $("tiles").replaceChildren();
  return chosen;
}

export function beginComparison() {
  $("compare-open").addEventListener("click", open);
  $("compare-close").addEventListener("click", close);
  onMessage(renderTiles);
  onModels(followOffer);
  onUse(() => { if (root.dataset.state === "comparing") leaveComparison(); });
  onArrival((accepted) => { if (!accepted && root.dataset.state === "comparing") close(); });
  onSpeak(() => {
    if (root.dataset.state !== "comparing") return;
    draw();
    if (!isEnough()) drawOffer();
  });
}
