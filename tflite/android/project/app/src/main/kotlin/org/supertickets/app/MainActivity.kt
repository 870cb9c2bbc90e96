package org.supertickets.app

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
import org.supertickets.app.databinding.ActivityMainBinding
import org.supertickets.app.databinding.RowGuessBinding
import java.io.File
import kotlin.math.roundToInt

/** Shows a picture and what the network says of it. All that outlives a rotation is in [MainViewModel]. */
class MainActivity : AppCompatActivity() {
    private val viewModel: MainViewModel by viewModels()
    private lateinit var binding: ActivityMainBinding

    private val gallery = registerForActivityResult(PickVisualMedia()) { source -> source?.let(viewModel::look) }
    private val camera = registerForActivityResult(TakePicture()) { taken -> if (taken) viewModel.look(photo()) }

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
        val about = model.about
        binding.name.text = about.name
        binding.description.text = about.description
        val size = Formatter.formatShortFileSize(this, model.bytes)
        binding.file.text = getString(R.string.file, size, about.fingerprint.take(FINGERPRINT_DIGITS))
        binding.invitation.text = getString(
            when (about.kind) {
                Kind.CLASSIFICATION -> R.string.invitation_classification
                Kind.SEGMENTATION -> R.string.invitation_segmentation
                Kind.KEYPOINTS -> R.string.invitation_keypoints
            },
        )
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
        val (picture, seen) = state
        binding.picture.setImageBitmap(picture)
        binding.best.text = best(seen.answer)
        binding.latency.text = getString(R.string.latency, seen.milliseconds, seen.runs)
        binding.guesses.removeAllViews()
        for ((label, share, color) in seen.answer.rows) {
            val row = RowGuessBinding.inflate(layoutInflater, binding.guesses, true)
            row.label.text = label
            row.bar.progress = (share * row.bar.max).roundToInt()
            color?.let { row.bar.setIndicatorColor(it) }
            row.percentage.text = percent(share)
        }
    }

    private fun best(answer: Answer): String {
        val (label, share) = answer.rows.first()
        return when (answer) {
            is Likely -> getString(R.string.most_likely, label, percent(share))
            is Labelled -> getString(R.string.mostly, label, percent(share))
            is Jointed -> getString(R.string.joints, answer.joints.count(Joint::isFound), answer.joints.size)
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

    private companion object {
        // They tell a ticket from others.
        const val FINGERPRINT_DIGITS = 12
    }
}
