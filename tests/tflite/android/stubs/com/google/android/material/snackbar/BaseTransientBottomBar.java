package com.google.android.material.snackbar;

public abstract class BaseTransientBottomBar<B extends BaseTransientBottomBar<B>> {
  public static final int LENGTH_LONG = 0;
}
