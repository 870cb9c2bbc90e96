/**
 * From a picture to what the network reads, and from what it says to labels: bit for bit what Python makes of both
 * (st_tf/task/pictures.py, with Pillow's arithmetic, and st_tf/task/task.py). Nothing here knows of a page.
 */

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/**
 * A picture as a canvas gives it: red, green, blue and alpha of each pixel.
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} Rgba
 */

/**
 * The largest middle part of a picture that has the shape of `size`, resized to it.
 * @param {Rgba} picture
 * @param {[number, number]} size (height, width) of the result in pixels.
 * @param {number} keep share of that part, per side, that is kept.
 * @returns {Uint8ClampedArray} RGB rows.
 */
export function centerCrop(picture, [height, width], keep = 1) {
  const scale = keep * Math.min(picture.width / width, picture.height / height);
  const left = (picture.width - scale * width) / 2;
  const top = (picture.height - scale * height) / 2;
  const columns = axis(picture.width, left, left + scale * width, width);
  const rows = axis(picture.height, top, top + scale * height, height);
  const pixels = overWhite(picture, columns, rows);
  // Bytes lie between both passes, so that their order shows. Pillow begins with the one that leaves less to do.
  const fewerRows = picture.height - height;
  if (fewerRows > 0 && fewerRows > 2 * (picture.width - width)) return across(down(pixels, columns.span, rows), columns, height);
  return down(across(pixels, columns, rows.span), width, rows);
}

/**
 * What the network reads: numbers from 0 to 1.
 * @param {Uint8ClampedArray} pixels
 * @returns {Float32Array}
 */
export function toInput(pixels) {
  return Float32Array.from(pixels, (value) => value / 255);
}

/**
 * The most likely classes with their probabilities; equal ones keep their order.
 * @param {ArrayLike<number>} logits
 * @param {number} top how many are kept at most.
 * @returns {{index: number, share: number}[]}
 */
export function mostLikely(logits, top) {
  const values = Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = values.map((value) => Math.exp(value - largest));
  const total = exponentials.reduce((a, b) => a + b, 0);
  return exponentials
    .map((value, index) => ({ index, share: value / total }))
    .sort((a, b) => b.share - a.share)
    .slice(0, top);
}

/**
 * One axis of a resize. `from` is the first position of the picture that is read and `span` how many are; each position of the
 * result is a sum over `weights`, beginning at `first`, which counts from `from`.
 * @typedef {{from: number, span: number, positions: {first: number, weights: Int32Array}[]}} Axis
 */

/**
 * @param {number} size of the picture.
 * @param {number} begin
 * @param {number} end of the part that is kept.
 * @param {number} count of the result.
 * @returns {Axis}
 */
function axis(size, begin, end, count) {
  const [start, stop] = [Math.fround(begin), Math.fround(end)]; // Pillow keeps a box in single precision.
  const scale = Math.fround(stop - start) / count;
  const support = Math.max(scale, 1); // When shrinking, the triangle spans as many pixels as become one.
  const found = Array.from({ length: count }, (_, position) => {
    const center = start + (position + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const last = Math.min(Math.trunc(center + support + 0.5), size);
    const shares = Array.from({ length: last - first }, (_, i) => triangle((i + first - center + 0.5) * (1 / support)));
    const total = shares.reduce((a, b) => a + b, 0);
    return { first, weights: Int32Array.from(shares, (share) => Math.trunc(0.5 + (share / total) * (1 << PRECISION_BITS))) };
  });
  const from = found[0].first;
  const span = found[count - 1].first + found[count - 1].weights.length - from;
  return { from, span, positions: found.map(({ first, weights }) => ({ first: first - from, weights })) };
}

function triangle(x) {
  return Math.max(1 - Math.abs(x), 0);
}

/** RGB rows of the part of a picture that both axes read, over white where it is transparent. */
function overWhite(picture, columns, rows) {
  const rgb = new Uint8ClampedArray(3 * columns.span * rows.span);
  let at = 0;
  for (let row = rows.from; row < rows.from + rows.span; row++) {
    let source = 4 * (row * picture.width + columns.from);
    for (let column = 0; column < columns.span; column++, source += 4) {
      const alpha = picture.data[source + 3];
      for (let colour = 0; colour < 3; colour++) {
        rgb[at++] = Math.round((picture.data[source + colour] * alpha + 255 * (255 - alpha)) / 255);
      }
    }
  }
  return rgb;
}

function across(pixels, columns, height) {
  const width = columns.positions.length;
  const found = new Uint8ClampedArray(3 * width * height);
  columns.positions.forEach(({ first, weights }, column) => {
    for (let row = 0; row < height; row++) {
      weigh(found, 3 * (row * width + column), pixels, 3 * (row * columns.span + first), 3, weights);
    }
  });
  return found;
}

function down(pixels, width, rows) {
  const found = new Uint8ClampedArray(3 * width * rows.positions.length);
  rows.positions.forEach(({ first, weights }, row) => {
    for (let column = 0; column < width; column++) {
      weigh(found, 3 * (row * width + column), pixels, 3 * (first * width + column), 3 * width, weights);
    }
  });
  return found;
}

/** Writes to `at` the weighted sum of pixels that are `step` apart, from `source` on. */
function weigh(target, at, pixels, source, step, weights) {
  let red = HALF;
  let green = HALF;
  let blue = HALF;
  for (let i = 0, place = source; i < weights.length; i++, place += step) {
    red += pixels[place] * weights[i];
    green += pixels[place + 1] * weights[i];
    blue += pixels[place + 2] * weights[i];
  }
  target[at] = red >> PRECISION_BITS;
  target[at + 1] = green >> PRECISION_BITS;
  target[at + 2] = blue >> PRECISION_BITS;
}
