package org.supertickets.app

import android.content.res.AssetManager
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.support.metadata.MetadataExtractor
import java.io.Closeable
import java.io.FileInputStream
import java.nio.FloatBuffer
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel
import java.util.Properties

/** What a network says of the [part] of a picture that it sees in [width] x [height] pixels, and how long one run took. */
class Seen(val answer: Answer, val part: Part, val width: Int, val height: Int, val milliseconds: Double, val runs: Int)

/** The network in the app's assets. Not for several threads at once; [close] frees what it holds outside the Java heap. */
class Network(assets: AssetManager) : Closeable {
    val about: About
    val bytes: Long

    private val width: Int
    private val height: Int
    private val shape: IntArray
    private val interpreter: Interpreter

    init {
        val file = map(assets)
        bytes = file.capacity().toLong()
        val metadata = MetadataExtractor(file)
        val labels = metadata.getAssociatedFile(LABELS).bufferedReader().use { it.readLines() }
        about = About(Properties().apply { assets.open(ABOUT).reader().use(::load) }, labels)
        val input = metadata.getInputTensorShape(0)
        check(input.size == 4 && input[0] == 1 && input[3] == 3) {
            "A network reads one picture, 1 x height x width x 3. Received: ${input.joinToString(" x ")}."
        }
        height = input[1]
        width = input[2]
        shape = metadata.getOutputTensorShape(0)
        about.requireFits(shape)
        // Last, so that nothing can fail once it is there to be closed.
        interpreter = Interpreter(file, Interpreter.Options().setNumThreads(threads()).setUseXNNPACK(true))
    }

    /** What the network says of [picture]. */
    fun look(picture: Picture): Seen {
        val input = networkInput(centerCrop(picture, width, height, about.keep))
        val outputs = FloatBuffer.allocate(shape.reduce(Int::times))
        fun run() = interpreter.run(input, outputs.apply { rewind() })
        run() // The first run prepares memory and caches.
        val milliseconds = List(RUNS) {
            val start = System.nanoTime()
            run()
            (System.nanoTime() - start) / 1e6
        }
        val answer = answerOf(outputs.array(), shape, about, width, height)
        return Seen(answer, middle(picture, width, height, about.keep), width, height, median(milliseconds), RUNS)
    }

    override fun close() = interpreter.close()

    private fun map(assets: AssetManager): MappedByteBuffer =
        assets.openFd(MODEL).use { asset ->
            FileInputStream(asset.fileDescriptor).channel.use {
                it.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength)
            }
        }

    private fun threads() = Runtime.getRuntime().availableProcessors().coerceAtMost(MOST_THREADS)

    private companion object {
        const val MODEL = "model.tflite"
        const val ABOUT = "model.properties"
        const val LABELS = "labels.txt"
        const val RUNS = 10

        // More would be the small cores of most phones.
        const val MOST_THREADS = 4
    }
}
