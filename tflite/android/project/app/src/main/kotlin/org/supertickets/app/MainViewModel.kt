package org.supertickets.app

import android.app.Application
import android.graphics.Bitmap
import android.net.Uri
import android.util.Log
import androidx.annotation.StringRes
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.LiveData
import androidx.lifecycle.MutableLiveData
import java.util.concurrent.Executors

/** What is known of the network: [about] it, and how big its file is. */
data class Model(val about: About, val bytes: Long)

/** What the app is doing. */
sealed interface State {
    data object Working : State

    data object Ready : State

    data class Answered(val picture: Bitmap, val seen: Seen) : State

    data class Failed(@param:StringRes val message: Int, val reason: String) : State
}

/** Loads the network once and shows it pictures, one after the other, away from the main thread. */
class MainViewModel(application: Application) : AndroidViewModel(application) {
    private val worker = Executors.newSingleThreadExecutor()
    private val currentState = MutableLiveData<State>(State.Working)
    private val loadedModel = MutableLiveData<Model>()

    // Touched by the worker alone.
    private var network: Network? = null

    val state: LiveData<State> = currentState
    val model: LiveData<Model> = loadedModel

    init {
        work(R.string.unreadable_model) {
            val loaded = Network(application.assets)
            network = loaded
            loadedModel.postValue(Model(loaded.about, loaded.bytes))
            State.Ready
        }
    }

    fun look(source: Uri) {
        currentState.value = State.Working
        work(R.string.unreadable_picture) {
            val loaded = checkNotNull(network) { "no model is loaded" }
            val picture = getApplication<Application>().contentResolver.picture(source)
            val seen = loaded.look(picture.toPicture())
            State.Answered(picture.under(seen, loaded.about.limbs, loaded.about.colors), seen)
        }
    }

    override fun onCleared() {
        worker.execute { network?.close() }
        worker.shutdown()
    }

    /** Does [task] on the worker. Errors are caught too: a missing native library or a lack of memory is no reason to crash. */
    private fun work(@StringRes message: Int, task: () -> State) = worker.execute {
        val result = runCatching(task).getOrElse { error ->
            Log.w("SuperTicket", error)
            State.Failed(message, error.message ?: error.javaClass.simpleName)
        }
        currentState.postValue(result)
    }
}
