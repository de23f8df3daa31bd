// Ways to give a photo beside the button that Gradio draws: dropped or pasted anywhere, or an example.
import { giveFile } from "./bridge.js";
import { $, make, showNotice } from "./dom.js";
import { facts, now } from "./state.js";
import { onSpeak, say } from "./words.js";

const PICTURE = /^image\/|\.(heic|heif|avif|tiff?)$/;
const isPicture = ({ type, name }) => PICTURE.test(type) || PICTURE.test(name.toLowerCase());

// Several: the first one.
function give([first, ...others]) {
  if (!first) return;
  giveFile(first);
  if (others.length && now.photo) now.photo.note = () => say("page.one_only", { name: first.name, number: others.length + 1 });
}

const readFile = (entry) => new Promise((done, fail) => entry.file(done, fail));

async function readFolder(folder) {
  const [reader, entries] = [folder.createReader(), []];
  for (let some = [null]; some.length;) { // a browser hands out a hundred at a time
    some = await new Promise((done, fail) => reader.readEntries(done, fail));
    entries.push(...some);
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  const files = await Promise.all(entries.map((entry) => entry.isDirectory ? readFolder(entry) : readFile(entry)));
  return files.flat();
}

// Folders among what was dropped: the pictures in them.
async function giveDropped({ files, items }) {
  const folders = [...items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  if (!folders.length) return give(files);
  const names = folders.map(({ name }) => name);
  const whole = [...files].filter(({ name }) => !names.includes(name));
  const inside = await Promise.all(folders.map((folder) => readFolder(folder).catch(() => [])));
  const pictures = [...whole, ...inside.flat().filter(isPicture)];
  if (pictures.length) give(pictures);
  else showNotice(say("page.no_photo_in_folder", { name: names[0] }), "error");
}

function takeDrops() {
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // of the elements that the pointer has entered and not left
  const showInside = (inside) => {
    $("let-go").hidden = !inside;
    if (!inside) depth = 0;
  };
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    showInside(true);
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
    giveDropped(event.dataTransfer);
  }, true);
}

function takePastes() {
  addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    give(event.clipboardData.files);
  });
}

function addExamples() {
  $("examples").replaceChildren(...facts.examples.map((name) => {
    const image = make("img", { src: `examples/${name}`, alt: "" });
    const button = make("button", { type: "button" }, image);
    button.dataset.name = name;
    button.addEventListener("click", async () => {
      const blob = await (await fetch(image.src)).blob();
      give([new File([blob], `${name}.jpg`, { type: blob.type, lastModified: 0 })]);
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
