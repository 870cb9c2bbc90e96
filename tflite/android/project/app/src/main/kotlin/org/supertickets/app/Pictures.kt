package org.supertickets.app

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.net.Uri

private const val MOST_PIXELS = 4_000_000

/** The picture that [source] names, upright; a larger one than four megapixels is decoded at a fraction of its size. */
fun ContentResolver.picture(source: Uri): Bitmap =
    ImageDecoder.decodeBitmap(ImageDecoder.createSource(this, source)) { decoder, info, _ ->
        val pixels = info.size.width.toLong() * info.size.height
        decoder.setTargetSampleSize(generateSequence(1) { 2 * it }.first { pixels / it / it <= MOST_PIXELS })
        // The colours of a bitmap in the graphics processor's memory could not be read.
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
    }

/** The colours of a bitmap, over white where it is transparent. */
fun Bitmap.toPicture(): Picture {
    val colors = IntArray(width * height)
    getPixels(colors, 0, width, 0, 0, width, height)
    return Picture(colors, width, height).let { if (hasAlpha()) overWhite(it) else it }
}
