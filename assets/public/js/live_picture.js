// The live picture: a frame of the camera, and, once its matte is there, its subject over what is to be behind it.
import { $, make } from "./dom.js";

const SIDE = 640; // pixels of the longer side
const QUALITY = 0.85; // of the JPEG that the server sees
const BLUR = 24; // pixels that become one in what is blurred
const WIDER = [96, 192]; // and around the subject, so that nothing stays empty
const TIMES = 4; // that what is soft is drawn, until it is firm

export const behind = { kind: "transparent", colour: "#2f6fb0", picture: null };

const canvas = (reads = false) => make("canvas").getContext("2d", { willReadFrequently: reads });
const [frame, subject, blurred, wider] = [canvas(true), canvas(), canvas(), canvas()];

function resize(context, width, height) {
  if (context.canvas.width !== width || context.canvas.height !== height) Object.assign(context.canvas, { width, height });
  context.imageSmoothingQuality = "high";
}

// The next frame, which is kept, as a file for the server.
export function takeFrame(camera, mirrored) {
  const scale = Math.min(1, SIDE / Math.max(camera.videoWidth, camera.videoHeight));
  const [width, height] = [camera.videoWidth, camera.videoHeight].map((side) => Math.max(1, Math.round(side * scale)));
  for (const context of [frame, subject, $("live-picture").getContext("2d")]) resize(context, width, height);
  frame.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
  frame.drawImage(camera, 0, 0, width, height);
  return new Promise((done) => frame.canvas.toBlob(done, "image/jpeg", QUALITY));
}

// The frame that was taken last, cut out.
export function drawPicture(matte) {
  const { width, height } = frame.canvas;
  subject.globalCompositeOperation = "copy";
  subject.drawImage(frame.canvas, 0, 0);
  subject.globalCompositeOperation = "destination-in";
  subject.drawImage(matte, 0, 0, width, height);
  const context = $("live-picture").getContext("2d");
  context.clearRect(0, 0, width, height);
  drawBehind[behind.kind]?.(context, width, height, matte);
  context.drawImage(subject.canvas, 0, 0);
}

const drawBehind = {
  color(context, width, height) {
    context.fillStyle = behind.colour;
    context.fillRect(0, 0, width, height);
  },
  image(context, width, height) { // so that nothing stays empty
    const scale = Math.max(width / behind.picture.width, height / behind.picture.height);
    const [wide, high] = [behind.picture.width * scale, behind.picture.height * scale];
    context.drawImage(behind.picture, (width - wide) / 2, (height - high) / 2, wide, high);
  },
  // Without the subject, which would shine around itself: where it was, what is around it spreads.
  blur(context, width, height, matte) {
    shrink(blurred, BLUR, matte);
    const { width: wide, height: high } = blurred.canvas;
    blurred.globalCompositeOperation = "destination-over";
    for (const part of WIDER) {
      shrink(wider, part, matte);
      for (let times = TIMES; times; times -= 1) blurred.drawImage(wider.canvas, 0, 0, wide, high);
    }
    blurred.drawImage(frame.canvas, 0, 0, wide, high);
    context.drawImage(blurred.canvas, 0, 0, width, height);
  },
};

// The frame with so many pixels in one, without its subject, and without what is soft at the edge of that.
function shrink(context, part, matte) {
  const [width, height] = [frame.canvas.width, frame.canvas.height].map((side) => Math.ceil(side / part));
  resize(context, width, height);
  context.globalCompositeOperation = "copy";
  context.drawImage(frame.canvas, 0, 0, width, height);
  context.globalCompositeOperation = "destination-out";
  for (let times = TIMES; times; times -= 1) context.drawImage(matte, 0, 0, width, height);
}
