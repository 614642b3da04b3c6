// A mask as a canvas, white where it is inside: strokes, fill, invert, and a history of what was done.
const MAX_STEPS = 24;
const MAX_NOISE = 8; // gray levels of 255; browsers that hide their user change a level or two, or all of them

export function canvas(width, height) {
  const element = document.createElement("canvas");
  element.width = width;
  element.height = height;
  return element;
}

// Whether the browser tells pages what is on a canvas; to hide their user, some answer with random pixels.
export function isReadable() {
  const context = canvas(16, 16).getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 16, 16);
  return context.getImageData(0, 0, 16, 16).data.every(level => level >= 255 - MAX_NOISE);
}

export class MaskCanvas {
  constructor(width, height) {
    this.canvas = canvas(width, height);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.past = [];
    this.future = [];
  }

  get width() { return this.canvas.width; }
  get height() { return this.canvas.height; }

  // Begin a change: what is there now can be brought back by undo.
  begin() {
    this.past.push(this.context.getImageData(0, 0, this.width, this.height));
    if (this.past.length > MAX_STEPS) this.past.shift();
    this.future = [];
  }

  undo() { this.#swap(this.past, this.future); }
  redo() { this.#swap(this.future, this.past); }

  // Undo a change that was not meant: it cannot be done again.
  takeBack() {
    this.undo();
    this.future.pop();
  }

  #swap(from, to) {
    if (!from.length) return;
    to.push(this.context.getImageData(0, 0, this.width, this.height));
    this.context.putImageData(from.pop(), 0, 0);
  }

  // Paint or erase one round spot; softness is the fraction of the radius over which it fades.
  spot(x, y, radius, softness, erases) {
    this.context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    this.context.fillStyle = softness ? this.#light(x, y, radius, softness) : "#fff"; // a gradient between equal circles paints nothing
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 7);
    this.context.fill();
    this.context.globalCompositeOperation = "source-over";
  }

  #light(x, y, radius, softness) {
    const light = this.context.createRadialGradient(x, y, radius * (1 - softness), x, y, radius);
    light.addColorStop(0, "#ffff");
    light.addColorStop(1, "#fff0");
    return light;
  }

  // Paint spots from one point to another.
  line(from, to, radius, softness, erases) {
    const distance = Math.hypot(to.x - from.x, to.y - from.y);
    const count = Math.max(1, Math.ceil(distance / Math.max(1, radius / 4)));
    for (let step = 1; step <= count; step += 1) {
      const fraction = step / count;
      this.spot(from.x + (to.x - from.x) * fraction, from.y + (to.y - from.y) * fraction, radius, softness, erases);
    }
  }

  all() { this.context.fillStyle = "#fff"; this.context.fillRect(0, 0, this.width, this.height); }
  clear() { this.context.clearRect(0, 0, this.width, this.height); }

  invert() {
    const pixels = this.context.getImageData(0, 0, this.width, this.height);
    for (let index = 0; index < pixels.data.length; index += 4) {
      pixels.data[index] = pixels.data[index + 1] = pixels.data[index + 2] = 255;
      pixels.data[index + 3] = 255 - pixels.data[index + 3];
    }
    this.context.putImageData(pixels, 0, 0);
  }

  // Fill from a point all neighbors whose color in a picture differs by at most a tolerance.
  fill(x, y, picture, tolerance) {
    const { width, height } = this;
    const colors = picture.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height).data;
    const mask = this.context.getImageData(0, 0, width, height);
    const start = Math.floor(y) * width + Math.floor(x), visited = new Uint8Array(width * height), stack = [start];
    const limit = 3 * tolerance ** 2;
    visited[start] = 1;
    while (stack.length) {
      const pixel = stack.pop(), column = pixel % width;
      mask.data.set([255, 255, 255, 255], 4 * pixel);
      const neighbors = [pixel - width, pixel + width, column > 0 ? pixel - 1 : -1, column < width - 1 ? pixel + 1 : -1];
      for (const next of neighbors) {
        if (next < 0 || next >= visited.length || visited[next]) continue;
        let difference = 0;
        for (let channel = 0; channel < 3; channel += 1) difference += (colors[4 * next + channel] - colors[4 * start + channel]) ** 2;
        if (difference <= limit) { visited[next] = 1; stack.push(next); }
      }
    }
    this.context.putImageData(mask, 0, 0);
  }

  // Read a mask from an image that is white inside.
  read(image) {
    this.clear();
    this.context.drawImage(image, 0, 0, this.width, this.height);
    const pixels = this.context.getImageData(0, 0, this.width, this.height);
    for (let index = 0; index < pixels.data.length; index += 4) {
      const [red, green, blue, alpha] = pixels.data.subarray(index, index + 4);
      pixels.data.set([255, 255, 255, (0.299 * red + 0.587 * green + 0.114 * blue) * alpha / 255], index);
    }
    this.context.putImageData(pixels, 0, 0);
  }

  get isEmpty() {
    const { data } = this.context.getImageData(0, 0, this.width, this.height);
    for (let index = 3; index < data.length; index += 4) if (data[index] > 8) return false;
    return true;
  }

  // The file of the mask: white inside, black outside.
  png() {
    const opaque = canvas(this.width, this.height), context = opaque.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.width, this.height);
    context.drawImage(this.canvas, 0, 0);
    return new Promise(done => opaque.toBlob(done, "image/png"));
  }
}
