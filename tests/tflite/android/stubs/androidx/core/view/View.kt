package androidx.core.view

import android.view.View

inline var View.isVisible: Boolean
    get() = TODO("a stub of $this")
    set(value) = TODO("a stub of $this and $value")
