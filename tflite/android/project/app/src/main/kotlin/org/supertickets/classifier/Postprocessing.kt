package org.supertickets.classifier

import kotlin.math.exp

/** One of a network's outputs and how likely it is, from 0 to 1. */
data class Guess(val index: Int, val probability: Double)

/** The [top] most likely outputs of a network that gave [logits]; equal ones in their order. */
fun mostLikely(logits: FloatArray, top: Int): List<Guess> {
    require(top > 0) { "At least one guess is asked for. Received: $top." }
    require(logits.isNotEmpty()) { "A network gives at least one output. Received: none." }
    require(logits.all(Float::isFinite)) { "A network's outputs are finite. Received: ${logits.first { !it.isFinite() }}." }
    val largest = logits.max().toDouble()
    val exponentials = logits.map { exp(it - largest) }
    val sum = exponentials.sum()
    return exponentials
        .mapIndexed { index, exponential -> Guess(index, exponential / sum) }
        .sortedByDescending(Guess::probability)
        .take(top)
}

/** The middle one of [values], or the mean of the middle two. */
fun median(values: List<Double>): Double {
    require(values.isNotEmpty()) { "A median is one of at least one value. Received: none." }
    val sorted = values.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}
