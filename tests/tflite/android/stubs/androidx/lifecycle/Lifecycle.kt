package androidx.lifecycle

import android.app.Application

interface LifecycleOwner

fun interface Observer<T> {
    fun onChanged(value: T)
}

abstract class ViewModel {
    protected open fun onCleared() {}
}

open class AndroidViewModel(private val application: Application) : ViewModel() {
    @Suppress("UNCHECKED_CAST")
    open fun <T : Application> getApplication(): T = application as T
}
