package org.supertickets.app

import kotlin.math.max

/** One of an answer's labels with its share, from 0 to 1, and the color that it is drawn in. */
data class Row(val label: String, val share: Double, val color: Int?)

/** What a network says of a picture: [rows] are the labels to list, the largest share first. */
sealed interface Answer {
    val rows: List<Row>
}

/** The most likely labels of the whole picture. */
class Likely(override val rows: List<Row>) : Answer

/** A label for each pixel of what the network sees, row by row; a row's share is the part that its label covers. */
class Labelled(val labels: IntArray, override val rows: List<Row>) : Answer

/** A joint per label, in pixels of what the network sees; a row's share is the confidence in it. */
class Jointed(val joints: List<Joint>, override val rows: List<Row>) : Answer

/**
 * What [outputs] say of a picture of which the network saw [width] x [height] pixels.
 *
 * [shape] is that of the outputs, and [about] what is known of the network.
 */
fun answerOf(outputs: FloatArray, shape: IntArray, about: About, width: Int, height: Int): Answer {
    about.requireFits(shape)
    requireFinite(outputs)
    if (about.kind == Kind.CLASSIFICATION) return Likely(about.rows(mostLikely(outputs, TOP)))
    val map = LabelMap(outputs, shape[1], shape[2], shape[3]).once(about.repeats)
    if (about.kind == Kind.SEGMENTATION) {
        val labels = map.labelled(width, height)
        val pixels = IntArray(map.labels).also { counts -> labels.forEach { counts[it]++ } }
        return Labelled(labels, about.rows(largest(pixels.map { it.toDouble() / labels.size }, TOP)))
    }
    val joints = map.joints(width, height)
    return Jointed(joints, about.rows(largest(joints.map { max(it.confidence, 0.0).coerceAtMost(1.0) }, joints.size)))
}

private fun About.rows(guesses: List<Guess>) = guesses.map { Row(labels[it.index], it.share, colors.getOrNull(it.index)) }

private const val TOP = 5
