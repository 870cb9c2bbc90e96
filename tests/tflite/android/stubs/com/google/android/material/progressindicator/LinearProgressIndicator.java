package com.google.android.material.progressindicator;

public final class LinearProgressIndicator extends android.widget.ProgressBar {
  public void setIndicatorColor(int... indicatorColors) {}
}
