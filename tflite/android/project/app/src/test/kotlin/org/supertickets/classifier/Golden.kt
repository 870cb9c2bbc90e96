package org.supertickets.classifier

/** The cases of a file that Python wrote, each as its columns. */
internal fun golden(name: String): List<List<String>> {
    val file = checkNotNull(Picture::class.java.getResourceAsStream("/$name")) { "Tests read $name. Received: none." }
    return file.bufferedReader().use { it.readLines() }.map { it.split(' ') }
}
