package org.supertickets.app

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class MapsTest {
    @Test
    fun aMapIsEnlargedBilinearly() {
        val map = LabelMap(floatArrayOf(1f, 0f, 0f, 1f), rows = 1, columns = 2, labels = 2)
        assertArrayEquals(intArrayOf(0, 0, 0, 1, 1, 1), map.labelled(width = 6, height = 1))
        val tilted = LabelMap(floatArrayOf(4f, 0f, 0f, 1f), rows = 1, columns = 2, labels = 2)
        assertArrayEquals(intArrayOf(0, 0, 0, 0, 1, 1), tilted.labelled(width = 6, height = 1))
    }

    @Test
    fun theFirstOfEqualLabelsIsTaken() {
        assertArrayEquals(intArrayOf(1), LabelMap(floatArrayOf(1f, 2f, 2f), 1, 1, 3).labelled(1, 1))
    }

    @Test
    fun aJointIsNearTheHigherNeighbour() {
        val map = LabelMap(floatArrayOf(0f, 1f, 0f, 3f, 9f, 2f, 0f, 4f, 0f), rows = 3, columns = 3, labels = 1)
        assertEquals(listOf(Joint(x = 12.5, y = 17.5, confidence = 9.0)), map.joints(width = 30, height = 30))
    }

    @Test
    fun aJointAtTheBorderOrBetweenEqualNeighboursIsAtTheCenterOfItsPlace() {
        assertEquals(listOf(Joint(0.5, 0.5, 2.0)), LabelMap(floatArrayOf(2f, 1f, 1f, 1f), 2, 2, 1).joints(2, 2))
        assertEquals(listOf(Joint(1.5, 0.5, 2.0)), LabelMap(floatArrayOf(1f, 2f, 1f), 1, 3, 1).joints(3, 1))
    }

    @Test
    fun unsureJointsAreNotFound() {
        assertTrue(Joint(0.0, 0.0, 0.2).isFound)
        assertFalse(Joint(0.0, 0.0, 0.19).isFound)
    }

    @Test
    fun placesThatComeSeveralTimesAreTakenOnce() {
        val repeated = floatArrayOf(1f, 1f, 2f, 2f, 1f, 1f, 2f, 2f)
        assertArrayEquals(floatArrayOf(1f, 2f), LabelMap(repeated, rows = 2, columns = 4, labels = 1).once(2).values, 0f)
    }

    @Test
    fun labelsAreTintedSoThatThePictureIsSeen() {
        val expected = intArrayOf(0x8C0000FF.toInt(), 0x8CFF0000.toInt())
        assertArrayEquals(expected, tints(intArrayOf(1, 0), listOf(0xFFFF0000.toInt(), 0xFF0000FF.toInt())))
    }

    @Test
    fun wrongSizesAreRefused() {
        assertRefused("A map has a place and a label. Received: 0 x 2, 1 labels.") { LabelMap(floatArrayOf(), 0, 2, 1) }
        assertRefused("A map of 1 x 2 places with 3 labels has 6 values. Received: 5.") { LabelMap(FloatArray(5), 1, 2, 3) }
        for (repeats in listOf(0, 2)) {
            assertRefused("A map of 3 x 4 gives each place equally often. Received: $repeats times per direction.") {
                LabelMap(FloatArray(12), 3, 4, 1).once(repeats)
            }
        }
    }

    private fun assertRefused(message: String, task: () -> Unit) =
        assertEquals(message, assertThrows(IllegalArgumentException::class.java) { task() }.message)
}
