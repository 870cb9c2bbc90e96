package org.supertickets.classifier

import android.app.Application
import android.graphics.Bitmap
import android.net.Uri
import android.util.Log
import androidx.annotation.StringRes
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.LiveData
import androidx.lifecycle.MutableLiveData
import java.util.concurrent.Executors

/** What the app is doing. */
sealed interface State {
    data object Working : State

    data object Ready : State

    data class Answered(val picture: Bitmap, val answer: Answer) : State

    data class Failed(@param:StringRes val message: Int, val reason: String) : State
}

/** Loads the model once and classifies pictures with it, one after the other, away from the main thread. */
class ClassifierViewModel(application: Application) : AndroidViewModel(application) {
    private val worker = Executors.newSingleThreadExecutor()
    private val currentState = MutableLiveData<State>(State.Working)
    private val loadedModel = MutableLiveData<Model>()

    // Touched by the worker alone.
    private var classifier: Classifier? = null

    val state: LiveData<State> = currentState
    val model: LiveData<Model> = loadedModel

    init {
        work(R.string.unreadable_model) {
            val loaded = Classifier(application.assets)
            classifier = loaded
            loadedModel.postValue(loaded.model)
            State.Ready
        }
    }

    fun classify(source: Uri) {
        currentState.value = State.Working
        work(R.string.unreadable_picture) {
            val picture = getApplication<Application>().contentResolver.picture(source)
            State.Answered(picture, checkNotNull(classifier) { "no model is loaded" }.classify(picture.toPicture()))
        }
    }

    override fun onCleared() {
        worker.execute { classifier?.close() }
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
