package org.supertickets.app

import java.util.Properties

/** The cases of a file that Python wrote, each as its columns. */
internal fun golden(name: String): List<List<String>> {
    val file = checkNotNull(Picture::class.java.getResourceAsStream("/$name")) { "Tests read $name. Received: none." }
    return file.bufferedReader().use { it.readLines() }.map { it.split(' ') }
}

/** What is known of a network with as many [labels], which their numbers name. */
internal fun about(kind: String, labels: Int = 3, colors: String = "", skeleton: String = "", repeats: Int = 1): About {
    val written = mapOf("name" to "a name", "description" to "a description", "fingerprint" to "0123", "keep" to "0.875") +
        mapOf("kind" to kind, "repeats" to "$repeats", "colours" to colors, "skeleton" to skeleton)
    return About(Properties().apply { putAll(written) }, List(labels) { "$it" })
}
