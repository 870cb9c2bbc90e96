package org.supertickets.app

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import kotlin.math.max

/** The picture with what the network says of its places over it; what the network did not see is darker. */
fun Bitmap.under(seen: Seen, limbs: List<Pair<Int, Int>>, colors: List<Int>): Bitmap {
    if (seen.answer is Likely) return this
    val longer = max(width, height)
    val factor = (LEAST_PIXELS + longer - 1) / longer // Lines are as fine as the picture's pixels; few of these would be coarse.
    val drawn = Bitmap.createBitmap(factor * width, factor * height, Bitmap.Config.ARGB_8888)
    val canvas = Canvas(drawn)
    canvas.drawColor(Color.WHITE) // As the network sees what is transparent.
    canvas.scale(factor.toFloat(), factor.toFloat())
    canvas.drawBitmap(this, 0f, 0f, Paint(Paint.FILTER_BITMAP_FLAG))
    val part = seen.part
    canvas.translate(part.left.toFloat(), part.top.toFloat())
    canvas.scale((part.width / seen.width).toFloat(), (part.height / seen.height).toFloat())
    // From here on, in pixels of what the network saw.
    canvas.darken(RectF(0f, 0f, seen.width.toFloat(), seen.height.toFloat()))
    when (seen.answer) {
        is Likely -> Unit
        is Labelled -> canvas.drawLabels(seen.answer.labels, seen.width, seen.height, colors)
        is Jointed -> canvas.drawJoints(seen.answer.joints, limbs, colors, max(seen.width, seen.height))
    }
    return drawn
}

private fun Canvas.darken(outside: RectF) {
    save()
    clipOutRect(outside)
    drawColor(SHADE)
    restore()
}

private fun Canvas.drawLabels(labels: IntArray, width: Int, height: Int, colors: List<Int>) {
    val tints = Bitmap.createBitmap(tints(labels, colors), width, height, Bitmap.Config.ARGB_8888)
    drawBitmap(tints, 0f, 0f, Paint().apply { isFilterBitmap = false }) // Two labels' colors in between would be a third's.
}

private fun Canvas.drawJoints(joints: List<Joint>, limbs: List<Pair<Int, Int>>, colors: List<Int>, longer: Int) {
    val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { strokeWidth = LINE * longer }
    for ((first, second) in limbs) {
        val (from, to) = joints[first] to joints[second]
        if (!from.isFound || !to.isFound) continue
        line.color = colors[first]
        drawLine(from.x.toFloat(), from.y.toFloat(), to.x.toFloat(), to.y.toFloat(), line)
    }
    val dot = Paint(Paint.ANTI_ALIAS_FLAG)
    val edge = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = EDGE * longer
    }
    for ((index, joint) in joints.withIndex()) {
        if (!joint.isFound) continue
        dot.color = colors[index]
        drawCircle(joint.x.toFloat(), joint.y.toFloat(), DOT * longer, dot)
        drawCircle(joint.x.toFloat(), joint.y.toFloat(), DOT * longer, edge)
    }
}

private const val LEAST_PIXELS = 480
private const val SHADE = 0x80000000.toInt()

// Widths and a radius, as shares of the longer side.
private const val LINE = 1 / 100f
private const val DOT = 1 / 70f
private const val EDGE = 1 / 480f
