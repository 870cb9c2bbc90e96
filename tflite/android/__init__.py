"""An Android app with a ticket in it: a Gradle project in Kotlin, in the folder `project`, and the command that fills it."""
