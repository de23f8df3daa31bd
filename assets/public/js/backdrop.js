// The row under the picture: what stands behind the subject, on the screen and in the file. It sets the same options as
// the panel, and shows what they say, whoever has set them.
import { choosePictureBehind } from "./bridge.js";
import { $ } from "./dom.js";
import { close, isOpen, open } from "./popover.js";
import { amend, onSettings, shownSettings } from "./settings.js";
import { facts } from "./state.js";
import { onSpeak, say } from "./words.js";

const PLAIN = { white: "#ffffff", black: "#000000" };
const radios = () => [...document.querySelectorAll("input[name=backdrop]")];
const swatches = () => [...document.querySelectorAll("input[name=backdrop-colour]")];
let colour = "#cfe4f7"; // that "Colour" stands for: the last one that was neither white nor black

function valuesOf(choice) {
  if (choice in PLAIN) return { background: "color", background_color: PLAIN[choice] };
  return choice === "color" ? { background: "color", background_color: colour } : { background: choice };
}

// Which of the row the settings stand for; a gradient and the photo's own are the panel's alone.
function choiceOf({ background, background_color: at, format }) {
  const behind = background === "transparent" && facts.opaque.includes(format) ? "color" : background;
  if (behind !== "color") return behind;
  return Object.keys(PLAIN).find((name) => PLAIN[name] === at) ?? "color";
}

function draw() {
  const shown = shownSettings();
  const choice = choiceOf(shown);
  if (choice === "color") colour = shown.background_color;
  for (const radio of radios()) radio.checked = radio.value === choice;
  for (const swatch of swatches()) swatch.checked = choice === "color" && swatch.value === colour;
  $("backdrops").style.setProperty("--behind", colour);
  if (document.activeElement !== $("hex")) $("hex").value = colour;
  const transparent = radios().find((radio) => radio.value === "transparent");
  transparent.disabled = facts.opaque.includes(shown.format);
  transparent.closest("label").title = transparent.disabled ? say("page.backdrop.opaque") : "";
  $("backdrops").hidden = facts.bare.includes(shown.format); // the mask alone has nothing behind it
  if (choice !== "color" || $("backdrops").hidden) close($("colours"));
}

// By pointer, or by Enter and Space: arrow keys pass by, and open nothing.
function openMore(radio) {
  if (radio.value === "color" && !isOpen($("colours"))) open($("colours"), radio);
  if (radio.value === "image") choosePictureBehind();
}

function paint(next) {
  colour = next;
  $("hex-hint").textContent = "";
  $("hex").removeAttribute("aria-invalid");
  amend(valuesOf("color"));
}

function readHex() {
  const typed = $("hex").value.trim().toLowerCase().replace(/^#?/, "#");
  const long = /^#[0-9a-f]{3}$/.test(typed) ? typed.replace(/[0-9a-f]/g, "$&$&") : typed;
  if (/^#[0-9a-f]{6}$/.test(long)) {
    $("hex").value = long;
    return long === colour || paint(long);
  }
  $("hex").setAttribute("aria-invalid", true);
  $("hex-hint").textContent = say("page.colours.wrong");
}

function speak() {
  for (const radio of radios().filter(({ value }) => ["color", "image"].includes(value))) {
    radio.setAttribute("aria-label", say("page.backdrop.more", { name: say(`page.backdrop.${radio.value}`) }));
  }
  draw();
}

export function beginBackdrop() {
  for (const radio of radios()) {
    radio.addEventListener("change", () => amend(valuesOf(radio.value)));
    radio.addEventListener("click", (event) => { if (event.detail) openMore(radio); });
    radio.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      if (!radio.checked) {
        radio.checked = true;
        amend(valuesOf(radio.value));
      }
      openMore(radio);
    });
  }
  for (const swatch of swatches()) swatch.addEventListener("change", () => paint(swatch.value));
  $("hex").addEventListener("change", readHex);
  $("hex").addEventListener("keydown", ({ key }) => { if (key === "Enter") readHex(); });
  onSettings(draw);
  onSpeak(speak);
}
