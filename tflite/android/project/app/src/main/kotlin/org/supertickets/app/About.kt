package org.supertickets.app

import java.util.Properties

/** What a network's outputs are. */
enum class Kind { CLASSIFICATION, SEGMENTATION, KEYPOINTS }

/** What is known of a network that its file does not say; [labels] are those of its outputs, in order. */
class About(properties: Properties, val labels: List<String>) {
    val name: String = properties.getProperty("name")
    val description: String = properties.getProperty("description")
    val fingerprint: String = properties.getProperty("fingerprint")

    /** The share of a picture's middle, per side, that the network sees. */
    val keep = properties.getProperty("keep").toDouble()

    val kind = properties.getProperty("kind").let { written ->
        requireNotNull(Kind.entries.find { it.name.lowercase() == written }) {
            "This app shows ${Kind.entries.joinToString { it.name.lowercase() }}. Received: a network for $written."
        }
    }

    /** How often the file gives each place of a map, per direction. */
    val repeats = properties.getProperty("repeats").toInt()

    /** 0xFFRRGGBB per label of a map. */
    val colors = properties.list("colours") { 0xFF000000.toInt() or it.removePrefix("#").toInt(16) }

    /** Numbers of joints that a line connects. */
    val limbs = properties.list("skeleton") { limb -> limb.split('-').map(String::toInt).let { (first, second) -> first to second } }

    init {
        val colored = if (kind == Kind.CLASSIFICATION) 0 else labels.size
        require(colors.size == colored) { "A network for ${kind.name.lowercase()} has $colored colors. Received: ${colors.size}." }
        val outside = limbs.flatMap { it.toList() }.find { it !in labels.indices }
        require(outside == null) { "A limb connects two of ${labels.size} joints, counted from 0. Received: joint $outside." }
    }

    /** Refuses the shape of an output in which labels or places are not where this network has them. */
    fun requireFits(output: IntArray) {
        val places = if (kind == Kind.CLASSIFICATION) "" else "rows x columns x "
        require(output.size == (if (places.isEmpty()) 2 else 4) && output.first() == 1 && output.last() == labels.size) {
            "A network for ${kind.name.lowercase()} gives 1 x $places${labels.size} labels. Received: ${output.joinToString(" x ")}."
        }
    }
}

/** The parts of a property, which commas separate; none where it is empty. */
private fun <T> Properties.list(key: String, part: (String) -> T) = getProperty(key).split(',').filter(String::isNotEmpty).map(part)
