package org.supertickets.app

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class PreprocessingTest {
    @Test
    fun everyCropIsTheOneOfPythonBitForBit() {
        val cases = golden("crops.txt")
        assertTrue(cases.isNotEmpty())
        for ((index, case) in cases.withIndex()) {
            val (width, height, outHeight, outWidth) = case.take(4).map(String::toInt)
            val (keep, pixels, expected) = case.drop(4)
            val crop = centerCrop(overWhite(picture(pixels, width, height)), outWidth, outHeight, keep.toDouble())
            assertEquals("case $index", outWidth to outHeight, crop.width to crop.height)
            assertEquals("case $index", expected, hexadecimal(crop))
        }
    }

    @Test
    fun aPictureOfTheRightSizeStaysAsItIs() {
        val picture = Picture(IntArray(6) { 0x010203 * it }, 3, 2)
        assertArrayEquals(picture.colors, centerCrop(picture, 3, 2, 1.0).colors)
    }

    @Test
    fun onlyTheMiddleIsKept() {
        val picture = Picture(IntArray(16) { if (it in listOf(5, 6, 9, 10)) 0xFFFFFF else 0 }, 4, 4)
        assertArrayEquals(IntArray(4) { 0xFFFFFF }, centerCrop(Picture(IntArray(16) { 0xFFFFFF }, 4, 4), 2, 2, 0.5).colors)
        assertEquals(0xFFFFFF, centerCrop(picture, 1, 1, 0.25).colors.single())
    }

    @Test
    fun theNetworkSeesTheMiddle() {
        val picture = Picture(IntArray(60), 10, 6)
        assertEquals(Part(left = 2.0, top = 0.0, width = 6.0, height = 6.0), middle(picture, 3, 3, 1.0))
        assertEquals(Part(left = 2.5, top = 1.75, width = 5.0, height = 2.5), middle(picture, 4, 2, 0.5))
    }

    @Test
    fun whatIsTransparentIsOverWhite() {
        val seen = overWhite(Picture(intArrayOf(0x00102030, 0xFF102030.toInt(), 0x80000000.toInt(), 0x01FF0080), 4, 1))
        assertArrayEquals(intArrayOf(0xFFFFFF, 0x102030, 0x7F7F7F, 0xFFFEFF), seen.colors)
    }

    @Test
    fun theNetworkReadsRedGreenAndBlueFromZeroToOne() {
        val input = networkInput(Picture(intArrayOf(0xFF0001FF.toInt(), 0x80FF00), 2, 1))
        val expected = floatArrayOf(0f, 1f / 255f, 1f, 128f / 255f, 1f, 0f)
        assertTrue(input.isDirect)
        assertEquals(4 * expected.size, input.remaining())
        assertArrayEquals(expected, FloatArray(expected.size) { input.getFloat() }, 0f)
    }

    @Test
    fun wrongSizesAreRefused() {
        val picture = Picture(IntArray(4), 2, 2)
        assertRefused("A picture has at least one pixel. Received: 0 x 2.") { Picture(IntArray(0), 0, 2) }
        assertRefused("A picture of 2 x 2 has 4 pixels. Received: 3.") { Picture(IntArray(3), 2, 2) }
        assertRefused("A network reads at least one pixel. Received: 2 x 0.") { centerCrop(picture, 2, 0, 1.0) }
        for (keep in listOf(0.0, -1.0, 1.5, Double.NaN)) {
            assertRefused("The share that is kept is above 0 and at most 1. Received: $keep.") { centerCrop(picture, 2, 2, keep) }
        }
    }

    private fun assertRefused(message: String, task: () -> Unit) =
        assertEquals(message, assertThrows(IllegalArgumentException::class.java) { task() }.message)

    private fun picture(pixels: String, width: Int, height: Int) =
        Picture(pixels.chunked(8) { it.toString().toLong(16).toInt().rotateRight(8) }.toIntArray(), width, height)

    private fun hexadecimal(picture: Picture) = picture.colors.joinToString("") { "%06x".format(it and 0xFFFFFF) }
}
