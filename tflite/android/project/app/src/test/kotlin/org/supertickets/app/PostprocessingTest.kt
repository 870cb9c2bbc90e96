package org.supertickets.app

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import java.util.Locale

class PostprocessingTest {
    @Test
    fun guessesAreThoseOfPython() {
        val cases = golden("guesses.txt")
        assertTrue(cases.isNotEmpty())
        for (case in cases) {
            val (logits, indices, shares) = case.map { it.split(',') }
            val guesses = mostLikely(logits.map(String::toFloat).toFloatArray(), top = 5)
            assertEquals(indices.map(String::toInt), guesses.map(Guess::index))
            for ((expected, guess) in shares.map(String::toDouble) zip guesses) {
                assertEquals(expected, guess.share, 1e-12)
            }
        }
    }

    @Test
    fun equalOnesKeepTheirOrder() {
        assertEquals(listOf(1, 3, 0), mostLikely(floatArrayOf(1f, 2f, 0f, 2f), top = 3).map(Guess::index))
    }

    @Test
    fun thereAreNoMoreGuessesThanOutputs() {
        assertEquals(listOf(Guess(0, 1.0)), mostLikely(floatArrayOf(-7f), top = 5))
    }

    @Test
    fun outputsOfWhichNothingFollowsAreRefused() {
        assertRefused("A network gives at least one output. Received: none.") { mostLikely(floatArrayOf(), 5) }
        assertRefused("A network's outputs are finite. Received: NaN.") { mostLikely(floatArrayOf(1f, Float.NaN), 5) }
        assertRefused("At least one guess is asked for. Received: 0.") { mostLikely(floatArrayOf(1f), 0) }
    }

    @Test
    fun smallSharesHaveADigitMore() {
        val shares = listOf(0.583, 0.0042, 1.0, 0.0)
        assertEquals(listOf("58.3%", "0.42%", "100.0%", "0.0%"), shares.map { percent(it, Locale.ROOT) })
    }

    @Test
    fun theMedianIsInTheMiddle() {
        assertEquals(2.0, median(listOf(9.0, 1.0, 2.0)), 0.0)
        assertEquals(2.5, median(listOf(9.0, 1.0, 2.0, 3.0)), 0.0)
        assertRefused("A median is one of at least one value. Received: none.") { median(emptyList()) }
    }

    private fun assertRefused(message: String, task: () -> Unit) =
        assertEquals(message, assertThrows(IllegalArgumentException::class.java) { task() }.message)
}
