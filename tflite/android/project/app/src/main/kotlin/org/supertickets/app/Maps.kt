package org.supertickets.app

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.min
import kotlin.math.sign

/** What a network gives for each of its [labels] at each place of a picture: all of the first place, then of the next, row by row. */
class LabelMap(val values: FloatArray, val rows: Int, val columns: Int, val labels: Int) {
    init {
        require(rows > 0 && columns > 0 && labels > 0) { "A map has a place and a label. Received: $rows x $columns, $labels labels." }
        require(values.size == rows * columns * labels) {
            "A map of $rows x $columns places with $labels labels has ${rows * columns * labels} values. Received: ${values.size}."
        }
    }

    operator fun get(row: Int, column: Int, label: Int) = values[(row * columns + column) * labels + label]
}

/** Where a joint is, in pixels from the top left, and how sure the network is of it. */
data class Joint(val x: Double, val y: Double, val confidence: Double) {
    val isFound get() = confidence >= SHOWN_CONFIDENCE
}

/** The map with each place once, where a file gives it [repeats] times per direction. */
fun LabelMap.once(repeats: Int): LabelMap {
    require(repeats > 0 && rows % repeats == 0 && columns % repeats == 0) {
        "A map of $rows x $columns gives each place equally often. Received: $repeats times per direction."
    }
    val single = FloatArray(values.size / (repeats * repeats)) {
        val place = it / labels
        this[place / (columns / repeats) * repeats, place % (columns / repeats) * repeats, it % labels]
    }
    return LabelMap(single, rows / repeats, columns / repeats, labels)
}

/**
 * The label with the largest value at each pixel of a picture of [width] x [height], for which the map is enlarged bilinearly;
 * the first of equal ones.
 *
 * Bit for bit what Python makes of it with `tf.image.resize` and `argmax`: in single precision, along the rows first.
 */
fun LabelMap.labelled(width: Int, height: Int): IntArray {
    val across = between(columns, width)
    val down = between(rows, height)
    return IntArray(width * height) { pixel ->
        val row = down[pixel / width]
        val column = across[pixel % width]
        var best = 0
        var largest = Float.NEGATIVE_INFINITY
        for (label in 0 until labels) {
            val upper = mix(this[row.low, column.low, label], this[row.low, column.high, label], column.share)
            val lower = mix(this[row.high, column.low, label], this[row.high, column.high, label], column.share)
            val value = mix(upper, lower, row.share)
            if (value > largest) {
                best = label
                largest = value
            }
        }
        best
    }
}

/**
 * The joint of each label in a picture of [width] x [height]: the highest place of its map, moved by a quarter of a place to the
 * higher neighbour in each direction, unless it is at the border. Bit for bit what Python makes of it.
 */
fun LabelMap.joints(width: Int, height: Int): List<Joint> = List(labels) { label ->
    var best = 0
    for (place in 1 until rows * columns) {
        if (values[place * labels + label] > values[best * labels + label]) best = place
    }
    val row = best / columns
    val column = best % columns
    val right = if (column in 1..<columns - 1) sign(this[row, column + 1, label] - this[row, column - 1, label]) else 0f
    val lower = if (row in 1..<rows - 1) sign(this[row + 1, column, label] - this[row - 1, column, label]) else 0f
    Joint(
        x = (column + 0.5 + right / 4) * width / columns,
        y = (row + 0.5 + lower / 4) * height / rows,
        confidence = this[row, column, label].toDouble(),
    )
}

/** What lies over a picture: for each pixel the color of its label, through which the picture is still seen. */
fun tints(labels: IntArray, colors: List<Int>): IntArray {
    val tints = colors.map { (TINT_ALPHA shl 24) or (it and 0xFFFFFF) }
    return IntArray(labels.size) { tints[labels[it]] }
}

/** Between which two places of a map a pixel lies, and how near the second. */
private class Between(val low: Int, val high: Int, val share: Float)

private fun between(places: Int, pixels: Int): List<Between> {
    val step = places.toFloat() / pixels
    return List(pixels) { pixel ->
        val place = (pixel + 0.5f) * step - 0.5f // Pixels and places have their centers aligned.
        val high = min(ceil(place).toInt(), places - 1)
        Between(floor(place).toInt().coerceIn(0, high), high, place - floor(place))
    }
}

private fun mix(first: Float, second: Float, share: Float) = first + (second - first) * share

// From which a joint counts as found.
private const val SHOWN_CONFIDENCE = 0.2

// Of 255: a label has 55% of its pixels' color.
private const val TINT_ALPHA = 140
