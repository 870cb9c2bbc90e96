/** From maps, a value per place and label, to labels of pixels and to joints: what tasks/ makes of them. Nothing here knows of a page. */

/**
 * Values of a network, row by row, each place with one per label.
 * @typedef {{values: Float32Array, rows: number, columns: number, count: number}} Map
 */

/**
 * @param {Float32Array} outputs of a file that gives each place `repeats` times per direction.
 * @param {{map: [number, number], repeats: number, labels: string[]}} facts `map` is (rows, columns) of what is left of them.
 * @returns {Map} with each place once.
 */
export function single(outputs, { map: [rows, columns], repeats, labels }) {
  const count = labels.length;
  if (repeats === 1) return { values: outputs, rows, columns, count };
  const values = new Float32Array(rows * columns * count);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += count) {
      const place = repeats * (row * repeats * columns + column) * count;
      values.set(outputs.subarray(place, place + count), at);
    }
  }
  return { values, rows, columns, count };
}

/**
 * The label with the largest value at each pixel, the map enlarged bilinearly.
 * @param {Map} map
 * @param {[number, number]} size (height, width) of the picture.
 * @returns {Uint16Array} label numbers, row by row.
 */
export function labelled({ values, rows, columns, count }, [height, width]) {
  const [down, across] = [steps(rows, height), steps(columns, width)];
  const found = new Uint16Array(height * width);
  let at = 0;
  for (const { low: top, high: bottom, share: y } of down) {
    for (const { low: left, high: right, share: x } of across) {
      const corners = [top * columns + left, top * columns + right, bottom * columns + left, bottom * columns + right].map((place) => place * count);
      let largest = -Infinity;
      for (let label = 0; label < count; label++) {
        const [a, b, c, d] = [values[corners[0] + label], values[corners[1] + label], values[corners[2] + label], values[corners[3] + label]];
        const upper = a + (b - a) * x;
        const value = upper + (c + (d - c) * x - upper) * y;
        if (value > largest) [largest, found[at]] = [value, label];
      }
      at++;
    }
  }
  return found;
}

/**
 * The joint of each label: the highest place of its map, moved by a quarter of a place to the higher neighbour in each direction.
 * @param {Map} map
 * @param {[number, number]} size (height, width) of the picture.
 * @returns {{x: number, y: number, confidence: number}[]} in pixels; the confidence is the highest value.
 */
export function joints({ values, rows, columns, count }, [height, width]) {
  return Array.from({ length: count }, (_, label) => {
    const value = (row, column) => values[(row * columns + column) * count + label];
    let best = 0;
    for (let place = 1; place < rows * columns; place++) {
      if (values[place * count + label] > values[best * count + label]) best = place;
    }
    const [row, column] = [Math.floor(best / columns), best % columns];
    const right = column > 0 && column < columns - 1 ? Math.sign(value(row, column + 1) - value(row, column - 1)) : 0;
    const lower = row > 0 && row < rows - 1 ? Math.sign(value(row + 1, column) - value(row - 1, column)) : 0;
    return { x: ((column + 0.5 + right / 4) * width) / columns, y: ((row + 0.5 + lower / 4) * height) / rows, confidence: value(row, column) };
  });
}

/** Between which two of `count` places each of `size` pixels lies, and how near the second; pixels and places have their centres aligned. */
function steps(count, size) {
  return Array.from({ length: size }, (_, pixel) => {
    const place = Math.min(Math.max(((pixel + 0.5) * count) / size - 0.5, 0), count - 1);
    const low = Math.floor(place);
    return { low, high: Math.min(low + 1, count - 1), share: place - low };
  });
}
