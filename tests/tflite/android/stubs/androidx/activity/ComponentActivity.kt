package androidx.activity

import android.app.Activity
import androidx.activity.result.ActivityResultCallback
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.contract.ActivityResultContract
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.ViewModel

open class ComponentActivity : Activity(), LifecycleOwner {
    fun <I, O> registerForActivityResult(contract: ActivityResultContract<I, O>, callback: ActivityResultCallback<O>): ActivityResultLauncher<I> =
        TODO("a stub of $contract and $callback")
}

fun ComponentActivity.enableEdgeToEdge(): Unit = TODO("a stub of $this")

inline fun <reified VM : ViewModel> ComponentActivity.viewModels(): Lazy<VM> = TODO("a stub of $this and ${VM::class}")
