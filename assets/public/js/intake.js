// Ways to give a photo beside the button that Gradio draws: dropped or pasted anywhere, or an example.
import { giveFile } from "./bridge.js";
import { $, make } from "./dom.js";
import { facts, now } from "./state.js";
import { onSpeak, say } from "./words.js";

function give(files) {
  const [first, ...others] = files;
  if (!first) return;
  giveFile(first);
  if (others.length && now.photo) now.photo.note = "page.one_only";
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
    give(event.dataTransfer.files);
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
      give([new File([blob], `${name}.jpg`, { type: blob.type })]);
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
