package org.supertickets.app

import java.util.Locale
import kotlin.math.exp

/** One of a network's outputs and its share, from 0 to 1. */
data class Guess(val index: Int, val share: Double)

/** The [top] most likely outputs of a network that gave [logits]; equal ones in their order. */
fun mostLikely(logits: FloatArray, top: Int): List<Guess> {
    require(logits.isNotEmpty()) { "A network gives at least one output. Received: none." }
    requireFinite(logits)
    val largest = logits.max().toDouble()
    val exponentials = logits.map { exp(it - largest) }
    val sum = exponentials.sum()
    return largest(exponentials.map { it / sum }, top)
}

/** The [top] largest of [shares]; equal ones in their order. */
fun largest(shares: List<Double>, top: Int): List<Guess> {
    require(top > 0) { "At least one guess is asked for. Received: $top." }
    return shares.mapIndexed(::Guess).sortedByDescending(Guess::share).take(top)
}

/** Refuses outputs of which nothing follows. */
fun requireFinite(outputs: FloatArray) =
    require(outputs.all(Float::isFinite)) { "A network's outputs are finite. Received: ${outputs.first { !it.isFinite() }}." }

/** A share for people, with a digit more where it is small: 0.583 is '58.3%', 0.0042 is '0.42%'. */
fun percent(share: Double, locale: Locale = Locale.getDefault()): String {
    val hundredths = 100 * share
    return "%.${if (hundredths > 0 && hundredths < 1) 2 else 1}f%%".format(locale, hundredths)
}

/** The middle one of [values], or the mean of the middle two. */
fun median(values: List<Double>): Double {
    require(values.isNotEmpty()) { "A median is one of at least one value. Received: none." }
    val sorted = values.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}
