// Whether this browser shows what is transparent in WebM. It is asked to play a clear frame of 16 x 16 pixels.
import { make } from "./dom.js";

const CLEAR = "data:video/webm;base64,GkXfo59ChoEBQveBAULygQRC84EIQoKEd2VibUKHgQJChYECGFOAZwEAAAAAAAISEU2bdLpNu4tTq4QVSalmU6yBoU27i1OrhBZUrmtTrIHYTbuMU6uEElTDZ1OsggEiTbuMU6uEHFO7a1OsggH87AEAAAAAAABZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAVSalmsirXsYMPQkBNgI1MYXZmNTkuMjcuMTAwV0GNTGF2ZjU5LjI3LjEwMESJiECPQAAAAAAAFlSua8WuAQAAAAAAADzXgQFzxYh8WJ5cyaje0pyBACK1nIN1bmSIgQCGhVZfVlA5g4EBI+ODhDuaygDgjbCBELqBEJqBAlPAgQESVMNnQIFzc6BjwIBnyJpFo4dFTkNPREVSRIeNTGF2ZjU5LjI3LjEwMHNz22PAi2PFiHxYnlzJqN7SZ8ilRaOHRU5DT0RFUkSHmExhdmM1OS4zNy4xMDAgbGlidnB4LXZwOWfIokWjiERVUkFUSU9ORIeUMDA6MDA6MDEuMDAwMDAwMDAwAAAfQ7Z1zueBAKDJoaCBAAAAgkmDQgAA8AD2ADgkHBhKAAAwYAAAEL///UiMAHWhpKai7oEBpZ2CSYNCAADwAPYAOCQcGEoAADBgAAAQv//9pcwAABxTu2uRu4+zgQC3iveBAfGCAanwgQM=";

let answer = null; // a promise of it, once somebody has asked

function play() {
  const player = make("video", { muted: true, playsInline: true, preload: "auto" });
  return new Promise((done) => {
    player.addEventListener("loadeddata", () => {
      const pen = make("canvas", { width: 1, height: 1 }).getContext("2d");
      pen.drawImage(player, 0, 0, 1, 1);
      done(pen.getImageData(0, 0, 1, 1).data[3] < 128);
    });
    player.addEventListener("error", () => done(false));
    player.src = CLEAR;
  });
}

export const showsAlpha = () => answer ??= play();
