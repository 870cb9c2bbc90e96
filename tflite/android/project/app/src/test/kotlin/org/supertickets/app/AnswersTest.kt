package org.supertickets.app

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class AnswersTest {
    @Test
    fun mapsSayWhatTheySayInPythonBitForBit() {
        val cases = golden("maps.txt")
        assertTrue(cases.isNotEmpty())
        for ((index, case) in cases.withIndex()) {
            val (rows, columns, labels, repeats) = case.subList(1, 5).map(String::toInt)
            val (height, width) = case.subList(5, 7).map(String::toInt)
            val (values, found, indices, shares) = case.drop(7).map { it.split(',') }
            val about = about(case.first(), labels, colors = List(labels) { "#%06x".format(it) }.joinToString(","), repeats = repeats)
            val outputs = values.map(String::toFloat).toFloatArray()
            val answer = answerOf(outputs, intArrayOf(1, rows, columns, labels), about, width, height)
            val said = when (answer) {
                is Labelled -> answer.labels.map(Int::toString)
                is Jointed -> answer.joints.flatMap { listOf(it.x, it.y, it.confidence) }.map(Double::toString)
                is Likely -> emptyList()
            }
            assertEquals("case $index", found.map(String::toDouble), said.map(String::toDouble))
            val guesses = indices zip shares.map(String::toDouble)
            val shown = if (answer is Labelled) guesses.take(5) else guesses
            assertEquals("case $index", shown, answer.rows.map { it.label to it.share })
            assertTrue(answer.rows.all { it.color == (0xFF000000 or it.label.toLong()).toInt() })
        }
    }

    @Test
    fun aPictureHasItsMostLikelyLabels() {
        val answer = answerOf(floatArrayOf(0f, 0f, 9f), intArrayOf(1, 3), about("classification"), 8, 8)
        assertEquals(listOf("2", "0", "1"), (answer as Likely).rows.map(Row::label))
        assertEquals(listOf(null), answer.rows.map(Row::color).distinct())
    }

    @Test
    fun confidencesAreListedFromZeroToOne() {
        val about = about("keypoints", colors = "#000000,#000000,#000000")
        val answer = answerOf(floatArrayOf(-0f, 1.5f, -3f), intArrayOf(1, 1, 1, 3), about, 2, 2) as Jointed
        assertEquals(listOf("1" to 1.0, "0" to 0.0, "2" to 0.0), answer.rows.map { it.label to it.share })
        assertArrayEquals(doubleArrayOf(-0.0, 1.5, -3.0), answer.joints.map(Joint::confidence).toDoubleArray(), 0.0)
    }

    @Test
    fun mapsOfWhichNothingFollowsAreRefused() {
        val about = about("segmentation", colors = "#000000,#000000,#000000")
        val message = assertThrows(IllegalArgumentException::class.java) {
            answerOf(floatArrayOf(1f, Float.NaN, 0f), intArrayOf(1, 1, 1, 3), about, 2, 2)
        }.message
        assertEquals("A network's outputs are finite. Received: NaN.", message)
    }
}
