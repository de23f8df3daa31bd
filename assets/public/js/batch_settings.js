// The settings of a batch: those for all its photos, those of one, and what they are called.
import { fileBehind } from "./bridge.js";
import { batch } from "./batch_state.js";
import { shownSettings } from "./settings.js";
import { facts, now } from "./state.js";
import { say } from "./words.js";

const { options: names, defaults, presets } = facts;

const same = (one, other) => String(one) === String(other); // a form sends texts only
const differing = (settings, from) => Object.fromEntries(names.filter((name) => !same(settings[name], from[name])).map((name) => [name, settings[name]]));
const isEqual = (one, other) => Object.keys(differing(one, other)).length === 0;

// An option that has gone through a form, as the controls take it.
function typed(name, value) {
  if (typeof value !== "string" || typeof defaults[name] === "string") return value;
  if (Array.isArray(defaults[name])) return value.split(",").filter(Boolean);
  return typeof defaults[name] === "boolean" ? value === "true" : Number(value);
}

const complete = (values) => Object.fromEntries(names.map((name) => [name, name in values ? typed(name, values[name]) : defaults[name]]));

export const settingsForAll = () => complete(batch.status.options);
export const settingsOfItem = ({ options }) => complete({ ...batch.status.options, ...options });

// Those of the Photo tab, as far as they are no defaults.
export const optionsOfPhotoTab = () => differing(shownSettings(), defaults);
export const optionsOfPreset = (name) => differing({ ...settingsForAll(), ...presets[name], model: settingsForAll().model, keep: settingsForAll().keep }, defaults);

// Those of the Photo tab that are not the batch's own.
export const ownOptions = () => differing(shownSettings(), settingsForAll());

export const pictureBehind = () => shownSettings().background === "image" ? now.behind ?? fileBehind(now.result?.behind) ?? null : null;

// Whether a picture is the one that the server has told of.
const isSameFile = (file, told) => Boolean(told) && file.name === told.name && file.size === told.bytes;

export const behindItem = (item) => item.beside.background_image ?? batch.status.background_image;

// What is to become of the picture behind: another one, none, or as it is.
export function pictureChange(background, told) {
  if (background !== "image") return { background_image: null };
  const file = pictureBehind();
  return file && !isSameFile(file, told) ? { background_image: file } : {};
}

export const isAsPhotoTab = () => isEqual(settingsForAll(), shownSettings()) && !pictureChange(shownSettings().background, batch.status.background_image).background_image;

export function presetOf(settings) {
  const { model, keep } = settings;
  return Object.keys(presets).find((name) => isEqual({ ...defaults, ...presets[name], model, keep }, settings)) ?? null;
}

export function nameSettings(settings) {
  const preset = presetOf(settings);
  if (preset) return say(`preset.${preset}`);
  const { model, keep } = settings;
  if (isEqual({ ...defaults, model, keep }, settings)) return say("page.batch.settings.standard");
  return say(isEqual(settings, shownSettings()) ? "page.batch.settings.photo" : "page.batch.settings.own");
}
