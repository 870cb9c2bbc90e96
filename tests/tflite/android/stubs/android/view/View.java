package android.view;

public class View {
  public interface OnClickListener {
    void onClick(View view);
  }

  public boolean isEnabled() {
    return false;
  }

  public void setEnabled(boolean enabled) {}

  public void setOnClickListener(@androidx.annotation.Nullable OnClickListener listener) {}
}
