/** Numbers in words. */

/**
 * @param {number} share
 * @returns {string} 0.583 is '58.3%', 0.0042 is '0.42%'.
 */
export function percent(share) {
  const hundredths = 100 * share;
  return `${hundredths.toFixed(hundredths > 0 && hundredths < 1 ? 2 : 1)}%`;
}

/**
 * @param {number} value milliseconds.
 * @returns {string} with three digits.
 */
export function milliseconds(value) {
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

/**
 * What the comparison found.
 * @param {[number, number]} times milliseconds, dense and sparse.
 * @param {{files: {dense: {bytes: number}, sparse: {bytes: number}}, worthwhile: number, obstacle: string}} facts
 *   `worthwhile` is how many times as fast counts as faster; `obstacle` what keeps the file from being executed sparsely, or ''.
 * @returns {{isFaster: boolean, claim: string, rest: string, why: string}}
 */
export function finding([dense, sparse], { files, worthwhile, obstacle }) {
  const size = `its file is ${Math.round((100 * files.sparse.bytes) / files.dense.bytes)}% as large`;
  const speedup = dense / sparse;
  if (speedup >= worthwhile) {
    return { isFaster: true, claim: `Sparse is ${speedup.toFixed(1)} times as fast as dense`, rest: `; ${size}.`, why: '' };
  }
  const pace = speedup > 1 / worthwhile ? 'Both take about the same time' : `It takes ${(1 / speedup).toFixed(1)} times as long`;
  const why = obstacle ? `The first reason: ${obstacle}` : 'Nothing in the file prevents it; there may be too little to skip.';
  return { isFaster: false, claim: 'Sparse is not faster than dense here', rest: `. ${pace}; ${size}.`, why };
}
