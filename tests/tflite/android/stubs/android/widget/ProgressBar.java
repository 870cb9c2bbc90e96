package android.widget;

public class ProgressBar extends android.view.View {
  public int getMax() {
    return 0;
  }

  public int getProgress() {
    return 0;
  }

  public void setProgress(int progress) {}
}
