package com.google.android.material.snackbar;

public class Snackbar extends BaseTransientBottomBar<Snackbar> {
  public static Snackbar make(android.view.View view, int text, int duration) {
    return null;
  }

  public void show() {}
}
