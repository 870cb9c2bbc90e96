package org.supertickets.classifier

import android.content.ActivityNotFoundException
import android.net.Uri
import android.os.Bundle
import android.text.format.Formatter
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.activity.result.contract.ActivityResultContracts.TakePicture
import androidx.activity.viewModels
import androidx.annotation.StringRes
import androidx.appcompat.app.AppCompatActivity
import androidx.core.content.FileProvider
import androidx.core.view.isVisible
import com.google.android.material.snackbar.Snackbar
import org.supertickets.classifier.databinding.ActivityMainBinding
import org.supertickets.classifier.databinding.RowGuessBinding
import java.io.File
import kotlin.math.roundToInt

/** Shows a picture and what the network says of it. All that outlives a rotation is in [ClassifierViewModel]. */
class MainActivity : AppCompatActivity() {
    private val viewModel: ClassifierViewModel by viewModels()
    private lateinit var binding: ActivityMainBinding

    private val gallery = registerForActivityResult(PickVisualMedia()) { source -> source?.let(viewModel::classify) }
    private val camera = registerForActivityResult(TakePicture()) { taken -> if (taken) viewModel.classify(photo()) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        binding = ActivityMainBinding.inflate(layoutInflater)
        setContentView(binding.root)
        binding.camera.setOnClickListener { camera.launchOr(R.string.no_camera) { photo() } }
        binding.gallery.setOnClickListener {
            gallery.launchOr(R.string.no_gallery) { PickVisualMediaRequest(PickVisualMedia.ImageOnly) }
        }
        viewModel.model.observe(this, ::showModel)
        viewModel.state.observe(this, ::showState)
    }

    private fun showModel(model: Model) {
        binding.name.text = model.name
        binding.description.text = model.description
        binding.file.text = getString(R.string.file, Formatter.formatShortFileSize(this, model.bytes), model.fingerprint)
    }

    private fun showState(state: State) {
        val usable = state != State.Working && viewModel.model.value != null
        binding.camera.isEnabled = usable
        binding.gallery.isEnabled = usable
        binding.working.isVisible = state == State.Working
        binding.message.isVisible = state is State.Failed
        when (state) {
            is State.Failed -> binding.message.text = getString(state.message, state.reason)
            is State.Answered -> showAnswer(state)
            State.Working, State.Ready -> Unit
        }
    }

    private fun showAnswer(state: State.Answered) {
        binding.picture.setImageBitmap(state.picture)
        binding.latency.text = getString(R.string.latency, state.answer.milliseconds, state.answer.runs)
        binding.guesses.removeAllViews()
        for ((label, probability) in state.answer.guesses) {
            val row = RowGuessBinding.inflate(layoutInflater, binding.guesses, true)
            row.label.text = label
            row.bar.progress = (probability * row.bar.max).roundToInt()
            row.percentage.text = getString(R.string.percentage, 100 * probability)
        }
    }

    /** Where the camera app puts its picture. */
    private fun photo(): Uri {
        val folder = File(cacheDir, "pictures").apply { mkdirs() }
        return FileProvider.getUriForFile(this, "$packageName.pictures", File(folder, "camera.jpg"))
    }

    private fun <T> ActivityResultLauncher<T>.launchOr(@StringRes message: Int, input: () -> T) =
        try {
            launch(input())
        } catch (_: ActivityNotFoundException) {
            Snackbar.make(binding.root, message, Snackbar.LENGTH_LONG).show()
        }
}
