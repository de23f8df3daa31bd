// Ways to give photos beside the button that Gradio draws: dropped or pasted anywhere, or an example.
import { addToBatch, offerBatch } from "./batch.js";
import { giveFile } from "./bridge.js";
import { $, make, root, showNotice } from "./dom.js";
import { acceptNew } from "./hand.js";
import { isArchive, isVideo, readDropped, withPaths } from "./files.js";
import { facts } from "./state.js";
import { openVideo } from "./video.js";
import { onSpeak, say } from "./words.js";

// Of several the first one, and all as a batch where that is wanted, as it is with an archive.
function give(entries) {
  const [first] = entries;
  if (!first) return;
  if (isVideo(first.file)) return openVideo(first.file);
  if (entries.some(({ file }) => isArchive(file))) return addToBatch(entries);
  giveFile(first.file);
  if (entries.length > 1) offerBatch(entries);
}

const takers = []; // of what is dropped on a part of the page: {takes, take, word}

// `takes` says of a drop whether it is meant, `take` hears of its first file; `word` is the key of what is said over it.
export function onDrop(taker) {
  takers.push(taker);
}

const takerOf = (event) => takers.find(({ takes }) => takes(event));

// Of the chooser of the Photo tab. Returns whether the file is worth sending.
export function acceptOne(file) {
  if (!isVideo(file)) return acceptNew(file);
  openVideo(file);
  return false;
}

export const acceptSeveral = (files) => give(withPaths(files));

// To the tab that is open.
const take = (entries, others = 0) => {
  if (root.dataset.tab === "batch") return addToBatch(entries, others);
  if (root.dataset.tab === "video" && entries.length) return openVideo(entries[0].file);
  give(entries);
};

async function takeDropped(dropped) {
  const { found, others, folder } = await readDropped(dropped);
  if (found.length || root.dataset.tab === "batch") take(found, others);
  else if (folder) showNotice(say("page.no_photo_in_folder", { name: folder }), "error");
}

function takeDrops() {
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // of the elements that the pointer has entered and not left
  const showInside = (inside, event) => {
    $("let-go").hidden = !inside;
    const word = { batch: "page.batch.let_go", video: "page.video.let_go" }[root.dataset.tab] ?? "page.let_go";
    $("let-go").firstElementChild.textContent = say((inside && takerOf(event)?.word) || word);
    if (!inside) depth = 0;
  };
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    showInside(true, event);
  }, true);
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) showInside(false);
  }, true);
  addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); }, true);
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.stopPropagation(); // parts of the page would take the file for themselves
    showInside(false);
    const taker = takerOf(event);
    if (taker) taker.take(event.dataTransfer.files[0]);
    else takeDropped(event.dataTransfer);
  }, true);
}

function takePastes() {
  addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    take(withPaths(event.clipboardData.files));
  });
}

function addExamples() {
  $("examples").replaceChildren(...facts.examples.map((name) => {
    const image = make("img", { src: `examples/${name}`, alt: "" });
    const button = make("button", { type: "button" }, image);
    button.dataset.name = name;
    button.addEventListener("click", async () => {
      const blob = await (await fetch(image.src)).blob();
      give(withPaths([new File([blob], `${name}.jpg`, { type: blob.type, lastModified: 0 })]));
    });
    return button;
  }));
}

function speak() {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  $("paste-hint").textContent = say("page.paste", { keys: mac ? "⌘V" : "Ctrl+V" });
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  $("privacy").textContent = here ? say("page.private") : say("page.private_remote", { minutes: facts.keepMinutes });
  for (const button of $("examples").children) {
    button.setAttribute("aria-label", say("page.example", { name: say(`page.example.${button.dataset.name}`) }));
  }
}

export function beginIntake() {
  addExamples();
  takeDrops();
  takePastes();
  onSpeak(speak);
}
