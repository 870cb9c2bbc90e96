/** What a network's outputs say about a picture, by the kind of its task. Nothing here knows of a page. */

import { joints, labelled, single } from './maps.js';
import { mostLikely } from './picture.js';
import { percent } from './words.js';

const SHOWN_CONFIDENCE = 0.2; // From which a joint counts as found.

/**
 * @typedef {{
 *   best: string, sight: string, rows: {index: number, share: number}[],
 *   mask?: Uint16Array, points?: {x: number, y: number, confidence: number}[],
 * }} Answer
 * `best` is the headline and `sight` a sentence's end; `rows` are the labels to list, largest share first; `mask` has a label per pixel
 * of what the network sees, and `points` a place per label, in its pixels.
 */

const KINDS = {
  classification(outputs, { labels, top }) {
    const rows = mostLikely(outputs, top);
    const best = labels[rows[0].index];
    return { best, sight: `most likely ${best}, ${percent(rows[0].share)}`, rows };
  },

  segmentation(outputs, facts) {
    const mask = labelled(single(outputs, facts), facts.size);
    const pixels = facts.labels.map(() => 0);
    mask.forEach((label) => pixels[label]++);
    const rows = largest(pixels.map((count) => count / mask.length), facts.top);
    const best = facts.labels[rows[0].index];
    return { best, sight: `mostly ${best}, ${percent(rows[0].share)} of it`, rows, mask };
  },

  keypoints(outputs, facts) {
    const points = joints(single(outputs, facts), facts.size);
    const found = points.filter(isFound).length;
    const rows = largest(points.map(({ confidence }) => Math.min(Math.max(confidence, 0), 1)), facts.top);
    const best = `${found} of ${points.length} joints`;
    return { best, sight: `${best} found`, rows, points };
  },
};

/**
 * @param {Float32Array} outputs of the file.
 * @param {object} facts as site.py makes them.
 * @returns {Answer}
 */
export function answerOf(outputs, facts) {
  return KINDS[facts.kind](outputs, facts);
}

/** @param {{confidence: number}} point */
export function isFound({ confidence }) {
  return confidence >= SHOWN_CONFIDENCE;
}

function largest(shares, top) {
  return shares.map((share, index) => ({ index, share })).sort((a, b) => b.share - a.share).slice(0, top);
}
