package org.supertickets.classifier

import android.content.res.AssetManager
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.support.metadata.MetadataExtractor
import java.io.Closeable
import java.io.FileInputStream
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel
import java.util.Properties

/** What a network says of a picture: its guesses with their labels, and how long one run took in milliseconds. */
data class Answer(val guesses: List<Pair<String, Double>>, val milliseconds: Double, val runs: Int)

/** What is known of a network; the first digits of its ticket's fingerprint tell it from others. */
data class Model(val name: String, val description: String, val fingerprint: String, val bytes: Long)

/** The network in the app's assets. Not for several threads at once; [close] frees what it holds outside the Java heap. */
class Classifier(assets: AssetManager) : Closeable {
    val model: Model

    private val keep: Double
    private val labels: List<String>
    private val width: Int
    private val height: Int
    private val interpreter: Interpreter

    init {
        val file = map(assets)
        val about = Properties().apply { assets.open(ABOUT).reader().use(::load) }
        model = Model(
            name = about.getProperty("name"),
            description = about.getProperty("description"),
            fingerprint = about.getProperty("fingerprint").take(FINGERPRINT_DIGITS),
            bytes = file.capacity().toLong(),
        )
        keep = about.getProperty("keep").toDouble()
        val metadata = MetadataExtractor(file)
        labels = metadata.getAssociatedFile(LABELS).bufferedReader().use { it.readLines() }
        val input = metadata.getInputTensorShape(0)
        val output = metadata.getOutputTensorShape(0)
        check(input.size == 4 && input[0] == 1 && input[3] == 3) {
            "A network reads one picture, 1 x height x width x 3. Received: ${input.joinToString(" x ")}."
        }
        check(output.contentEquals(intArrayOf(1, labels.size))) {
            "A network has an output for each of its ${labels.size} labels. Received: ${output.joinToString(" x ")}."
        }
        height = input[1]
        width = input[2]
        // Last, so that nothing can fail once it is there to be closed.
        interpreter = Interpreter(file, Interpreter.Options().setNumThreads(threads()).setUseXNNPACK(true))
    }

    /** The most likely labels of [picture]. */
    fun classify(picture: Picture): Answer {
        val input = networkInput(centerCrop(picture, width, height, keep))
        val logits = arrayOf(FloatArray(labels.size))
        interpreter.run(input, logits) // The first run prepares memory and caches.
        val milliseconds = List(RUNS) {
            val start = System.nanoTime()
            interpreter.run(input, logits)
            (System.nanoTime() - start) / 1e6
        }
        val guesses = mostLikely(logits[0], TOP).map { labels[it.index] to it.probability }
        return Answer(guesses, median(milliseconds), RUNS)
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
        const val FINGERPRINT_DIGITS = 12
        const val TOP = 5
        const val RUNS = 10

        // More would be the small cores of most phones.
        const val MOST_THREADS = 4
    }
}
