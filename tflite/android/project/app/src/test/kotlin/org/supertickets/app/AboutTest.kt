package org.supertickets.app

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class AboutTest {
    @Test
    fun whatIsWrittenIsRead() {
        val about = about("keypoints", colors = "#ff0001,#00ff80,#0000ff", skeleton = "0-1,2-1", repeats = 2)
        assertEquals(listOf("a name", "a description", "0123"), listOf(about.name, about.description, about.fingerprint))
        assertEquals(0.875, about.keep, 0.0)
        assertEquals(Kind.KEYPOINTS to 2, about.kind to about.repeats)
        assertEquals(listOf(0xFFFF0001.toInt(), 0xFF00FF80.toInt(), 0xFF0000FF.toInt()), about.colors)
        assertEquals(listOf(0 to 1, 2 to 1), about.limbs)
    }

    @Test
    fun classesHaveNeitherColorsNorLimbs() {
        val about = about("classification")
        assertEquals(emptyList<Any>(), about.colors + about.limbs)
    }

    @Test
    fun networksThatTheAppDoesNotShowAreRefused() {
        assertRefused("This app shows classification, segmentation, keypoints. Received: a network for depth.") { about("depth") }
        assertRefused("A network for segmentation has 3 colors. Received: 1.") { about("segmentation", colors = "#000000") }
        assertRefused("A network for classification has 0 colors. Received: 1.") { about("classification", colors = "#000000") }
        assertRefused("A limb connects two of 3 joints, counted from 0. Received: joint 3.") {
            about("keypoints", colors = "#000000,#000000,#000000", skeleton = "0-3")
        }
    }

    @Test
    fun outputsOfAnotherShapeAreRefused() {
        val classes = about("classification")
        val map = about("segmentation", colors = "#000000,#000000,#000000")
        classes.requireFits(intArrayOf(1, 3))
        map.requireFits(intArrayOf(1, 4, 5, 3))
        assertRefused("A network for classification gives 1 x 3 labels. Received: 1 x 4 x 5 x 3.") {
            classes.requireFits(intArrayOf(1, 4, 5, 3))
        }
        for (shape in listOf(intArrayOf(1, 3), intArrayOf(1, 4, 5, 2), intArrayOf(2, 4, 5, 3))) {
            assertRefused("A network for segmentation gives 1 x rows x columns x 3 labels. Received: ${shape.joinToString(" x ")}.") {
                map.requireFits(shape)
            }
        }
    }

    private fun assertRefused(message: String, task: () -> Unit) =
        assertEquals(message, assertThrows(IllegalArgumentException::class.java) { task() }.message)
}
