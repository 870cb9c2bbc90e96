package androidx.annotation

@Target(AnnotationTarget.VALUE_PARAMETER)
annotation class StringRes
