package com.google.android.material.progressindicator;

public final class LinearProgressIndicator extends android.widget.ProgressBar {}
