package org.supertickets.app

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min

/** A picture's colours as 0xAARRGGBB, row by row from the top left. */
class Picture(val colors: IntArray, val width: Int, val height: Int) {
    init {
        require(width > 0 && height > 0) { "A picture has at least one pixel. Received: $width x $height." }
        require(colors.size == width * height) {
            "A picture of $width x $height has ${width * height} pixels. Received: ${colors.size}."
        }
    }
}

/** A part of a picture, in its pixels. */
data class Part(val left: Double, val top: Double, val width: Double, val height: Double)

/** A transparent picture over white, as Python and browsers see it; what is opaque stays as it is. */
fun overWhite(picture: Picture) = picture(picture.width, picture.height) { column, row, shift ->
    val color = picture.colors[row * picture.width + column]
    val alpha = channel(color, ALPHA_SHIFT)
    (channel(color, shift) * alpha + WHITE * (WHITE - alpha) + WHITE / 2) / WHITE
}

/** The largest middle part of [picture] that has the shape [width] x [height], and of that a share [keep] per side. */
fun middle(picture: Picture, width: Int, height: Int, keep: Double): Part {
    require(width > 0 && height > 0) { "A network reads at least one pixel. Received: $width x $height." }
    require(keep > 0 && keep <= 1) { "The share that is kept is above 0 and at most 1. Received: $keep." }
    val scale = keep * min(picture.width.toDouble() / width, picture.height.toDouble() / height)
    return Part((picture.width - scale * width) / 2, (picture.height - scale * height) / 2, scale * width, scale * height)
}

/**
 * The largest middle part of [picture] that has the shape [width] x [height], resized to it. Only a share [keep] of that
 * part is kept, per side.
 *
 * Bit for bit what networks are evaluated with in Python: Pillow's bilinear `Image.resize` with a box, which averages where
 * it shrinks, computes with whole numbers, and rounds after each of its two passes.
 */
fun centerCrop(picture: Picture, width: Int, height: Int, keep: Double): Picture {
    val part = middle(picture, width, height, keep)
    val columns = mixes(picture.width, part.width, width)
    val rows = mixes(picture.height, part.height, height)
    // Pillow 13 begins with the rows where far more of them go than columns; the roundings in between depend on it.
    val lostRows = picture.height - height
    val rowsFirst = lostRows > 0 && lostRows > 2 * (picture.width - width)
    return if (rowsFirst) picture.mixRows(rows).mixColumns(columns) else picture.mixColumns(columns).mixRows(rows)
}

/** What the network reads of [picture]: red, green and blue of each pixel, from 0 to 1. */
fun networkInput(picture: Picture): ByteBuffer {
    val input = ByteBuffer.allocateDirect(SHIFTS.size * Float.SIZE_BYTES * picture.colors.size).order(ByteOrder.nativeOrder())
    for (color in picture.colors) {
        for (shift in SHIFTS) input.putFloat(channel(color, shift) / 255f)
    }
    return input.apply { rewind() }
}

/** The pixels that make one of the result, along one axis: from [first] on, by [weights] that sum up to 2^22. */
private class Mix(val first: Int, val weights: IntArray) {
    inline fun of(value: (Int) -> Int): Int {
        var sum = 1 shl (PRECISION_BITS - 1)
        for (index in weights.indices) sum += weights[index] * value(first + index)
        return (sum shr PRECISION_BITS).coerceIn(0, 255)
    }
}

/** How the middle [extent] of [size] pixels becomes [count] pixels. */
private fun mixes(size: Int, extent: Double, count: Int): List<Mix> {
    // Pillow takes the ends of its box in single precision.
    val margin = (size - extent) / 2
    val start = margin.toFloat()
    val end = (margin + extent).toFloat()
    val step = (end - start).toDouble() / count
    val reach = max(step, 1.0)
    return List(count) { index ->
        val center = start + (index + 0.5) * step
        val first = max((center - reach + 0.5).toInt(), 0)
        val last = min((center + reach + 0.5).toInt(), size)
        val shares = DoubleArray(last - first) { max(1 - abs((first + it - center + 0.5) * (1 / reach)), 0.0) }
        val sum = shares.sum()
        Mix(first, IntArray(shares.size) { (0.5 + shares[it] / sum * (1 shl PRECISION_BITS)).toInt() })
    }
}

private fun Picture.mixColumns(columns: List<Mix>) = picture(columns.size, height) { column, row, shift ->
    columns[column].of { channel(colors[row * width + it], shift) }
}

private fun Picture.mixRows(rows: List<Mix>) = picture(width, rows.size) { column, row, shift ->
    rows[row].of { channel(colors[it * width + column], shift) }
}

private inline fun picture(width: Int, height: Int, channel: (column: Int, row: Int, shift: Int) -> Int): Picture {
    val colors = IntArray(width * height) { index ->
        SHIFTS.fold(0) { color, shift -> color or (channel(index % width, index / width, shift) shl shift) }
    }
    return Picture(colors, width, height)
}

private fun channel(color: Int, shift: Int) = color shr shift and 0xFF

/** Where red, green and blue are in a colour. */
private val SHIFTS = intArrayOf(16, 8, 0)

private const val ALPHA_SHIFT = 24
private const val WHITE = 255
private const val PRECISION_BITS = 22
